"""`carport can replay`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carport.cli.can_bus import (
    BusOptions,
    bus_options,
    check_may_send,
    counted,
    ending_at_signals,
    filter_option,
    parse_filters,
    yes_option,
)
from carport.cli.output import print_json
from carport.errors import UsageError

if TYPE_CHECKING:
    from carport.traffic.connection import Connection
    from carport.traffic.replay import Survey

_PROGRESS_MIN_S = 2.0
_PROGRESS_MIN_FRAMES = 5000


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--speed",
    metavar="X",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="So many times faster; 0 is as fast as the bus takes it.",
)
@click.option("--loop", "is_endless", is_flag=True, help="Again and again, until Ctrl-C.")
@click.option(
    "--map",
    "maps",
    metavar="FROM=TO",
    multiple=True,
    help="The log's channel FROM goes to the bus's TO, others nowhere. May be repeated.",
)
@filter_option
@click.option("--with-collisions", is_flag=True, help="Also ids that the car or its gateway send.")
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bus_options
def replay(
    bus: BusOptions,
    file: Path,
    speed: float,
    is_endless: bool,
    maps: tuple[str, ...],
    filters: tuple[str, ...],
    with_collisions: bool,
    is_sure: bool,
    as_json: bool,
) -> None:
    """Send a recorded log again, with its timing.

    Its ending says what it is: .log (candump), .asc, .blf, .csv, .trc, .db, or .mf4 where asammdf
    is installed; text may end in .gz too. It is read to its end before anything is sent. Two nodes
    that send one id collide on the wire, so ids of the car's profile are left out. Frames with
    low ids come before the car's own: at a full bus, the car is not heard.

    \b
    Examples:
      carport can replay drive.log
      carport can replay drive.asc --speed 10 --filter 700/700
      carport can replay two-buses.blf --map 0=can0 --map 1=can1
      carport can replay drive.log --speed 0 --loop
    """
    chosen = parse_filters(filters)
    connection = bus.connection()
    from carport.traffic.replay import Selection, survey
    from carport.traffic.replay import replay as replay_log
    from carport.traffic.sender import Sender

    channels, targets = _targets(connection, maps)
    selection = Selection(channels, chosen, bus.dictionary(connection), with_collisions)
    check_may_send(connection, is_sure)
    found = survey(file, selection)
    _point_out(found, with_collisions)
    if not found.selected:
        raise UsageError(f"{file} has nothing to send: {_left_out(found) or 'it has no frames'}")
    with ExitStack() as stack:
        senders = {name: stack.enter_context(Sender(target)) for name, target in targets.items()}
        progress = stack.enter_context(_progress(found, speed, is_endless or as_json))
        begin_s = time.monotonic()
        if is_endless:
            with ending_at_signals() as ending:
                while not ending.is_set():
                    replay_log(file, selection, senders, speed, ending.is_set, progress)
                    ending.wait(found.gap_s / speed if speed else 0)
        else:
            replay_log(file, selection, senders, speed, lambda: False, progress)
        seconds = time.monotonic() - begin_s
    counts = counted(senders.values())
    if as_json:
        print_json(
            {
                "file": str(file),
                "frames": found.frames,
                **counts,
                "left_out": dict(found.left_out),
                "collisions": found.collisions,
                "seconds": round(seconds, 3),
            }
        )
        return
    places = " and ".join(sender.told for sender in senders.values())
    click.echo(f"Replayed {counts['sent']} frames in {seconds:.1f} s, {places}.")
    if found.left_out:
        click.echo(f"Left out: {_left_out(found)}.")


def _targets(
    connection: "Connection", maps: tuple[str, ...]
) -> "tuple[dict[str | None, str], dict[str, Connection]]":
    """Return {the log's channel: the bus's} and the buses by their channels."""
    if not maps:
        channel = str(connection.config.get("channel"))
        return {None: channel}, {channel: connection}
    channels: dict[str | None, str] = {}
    for each in maps:
        source, equals, target = each.partition("=")
        if not (source and equals and target):
            raise UsageError(f"{each} is not FROM=TO: see `carport can replay --help`")
        if source in channels:
            raise UsageError(f"channel {source} is mapped twice: leave one --map out")
        channels[source] = target
    return channels, {target: connection.on(target) for target in channels.values()}


def _point_out(found: "Survey", with_collisions: bool) -> None:
    if not found.collisions:
        return
    names = ", ".join(f"{text} {name}" for text, name in sorted(found.collisions.items()))
    what = "are sent all the same" if with_collisions else "are left out, see --with-collisions"
    click.echo(f"The car or its gateway sends these ids too: {names}. They {what}.", err=True)


def _left_out(found: "Survey") -> str:
    return ", ".join(f"{count} ({why})" for why, count in found.left_out.items())


@contextmanager
def _progress(found: "Survey", speed: float, is_hidden: bool) -> Iterator[Callable[[], None]]:
    """Show a bar while a long log is sent, if somebody watches; yield what moves it."""
    is_long = found.selected >= _PROGRESS_MIN_FRAMES
    is_long = is_long or (speed > 0 and found.seconds / speed >= _PROGRESS_MIN_S)
    if is_hidden or not is_long or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Replaying", total=found.selected)
        yield lambda: bar.advance(task)
