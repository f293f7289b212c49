"""`carport can`: watch, send and replay frames on any bus that python-can knows."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.can_bus import (
    BusOptions,
    bus_options,
    check_may_send,
    complete_assignment,
    complete_message,
)
from carport.cli.output import print_json
from carport.errors import UsageError

if TYPE_CHECKING:
    import can as python_can

    from carport.cli.can_frames import Show
    from carport.traffic.connection import Connection
    from carport.traffic.dictionary import Dictionary
    from carport.traffic.replay import Survey
    from carport.traffic.selection import IdFilter
    from carport.traffic.sender import Sender

_LOG = click.Path(dir_okay=False, path_type=Path)
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LISTEN_S = 0.2
_PROGRESS_MIN_S = 2.0
_PROGRESS_MIN_FRAMES = 5000


@click.group()
def can() -> None:
    """Watch, send and replay frames on a CAN bus.

    The bus is the running emulator's, or python-can's: by --interface and its companions, by
    CAN_INTERFACE, CAN_CHANNEL and CAN_CONFIG, or by a can.conf.

    \b
    Examples:
      carport can dump
      carport can dump --interface socketcan --channel can0 -o drive.log
      carport can send BODY_DoorStatus DoorFrontLeftOpen=1
      carport can replay drive.log
    """


_filter_option = click.option(
    "--filter",
    "filters",
    metavar="ID[/MASK]",
    multiple=True,
    help="Only these ids, hexadecimal; an extended one has 8 digits. May be repeated.",
)
_yes_option = click.option("--yes", "is_sure", is_flag=True, help="It may be a real car's bus.")


@can.command()
@_filter_option
@click.option("--changed", "only_changed", is_flag=True, help="Only what says something new.")
@click.option("--signals", "signals_apart", is_flag=True, help="A line for each signal.")
@click.option("--table", "as_table", is_flag=True, help="A row for each id, live.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after this many.")
@click.option("--seconds", metavar="N", type=click.FloatRange(min=0), help="End after this time.")
@click.option("-o", "output", type=_LOG, metavar="FILE", help="Record into a log.")
@bus_options
def dump(
    bus: BusOptions,
    filters: tuple[str, ...],
    only_changed: bool,
    signals_apart: bool,
    as_table: bool,
    as_json: bool,
    count: int | None,
    seconds: float | None,
    output: Path | None,
) -> None:
    """Show the frames on a bus, decoded, until Ctrl-C.

    A line is: time, channel, id, name, bytes, signals. FILE's ending says what is recorded:
    .log (candump), .asc, .blf, .csv, .trc, or .mf4 where asammdf is installed; then nothing is
    shown unless --signals, --table or --json asks for it. --changed passes over frames whose
    bytes, but for checksum and counter, are those of the last one. slcan adapters only listen;
    others acknowledge frames, so give the bus's own --bitrate.

    \b
    Examples:
      carport can dump --changed --filter 100/7F0
      carport can dump --table
      carport can dump --json --count 100 | jq .signals
      carport can dump -o drive.blf --seconds 60
      carport can dump --interface slcan --channel /dev/ttyACM0 --bitrate 500000 --car leaf-2013
    """
    if as_table and (as_json or signals_apart):
        raise UsageError("--table shows everything at once: leave --json and --signals out")
    chosen = _parse_filters(filters)
    connection = bus.connection()
    dictionary = bus.dictionary(connection)
    quiet = output is not None and not (as_table or as_json or signals_apart)
    recorded = 0
    with ExitStack() as stack:
        listen_only = {"listen_only": True} if connection.config["interface"] == "slcan" else {}
        joined = stack.enter_context(connection.open(**listen_only))
        writer = stack.enter_context(_writer(output)) if output else None
        show = _presenter(dictionary, as_json, as_table, signals_apart, quiet, stack)
        last: dict[tuple[int, bool], bytes] = {}
        shown = 0
        with _ending() as ending:
            for frame in _received(connection, joined, seconds, ending):
                if not _is_meant(frame, chosen):
                    continue
                if writer is not None:
                    writer.on_message_received(frame)
                    recorded += 1
                if only_changed:
                    key = frame.arbitration_id, frame.is_extended_id
                    content = dictionary.content(frame)
                    if last.get(key) == content:
                        continue
                    last[key] = content
                show(frame)
                shown += 1
                if shown == count:
                    break
    if quiet:
        click.echo(f"{recorded} frames of {connection.name} are in {output}.")


@can.command()
@click.argument("what", metavar="ID#BYTES|MESSAGE", shell_complete=complete_message)
@click.argument(
    "assignments", metavar="[SIGNAL=VALUE]...", nargs=-1, shell_complete=complete_assignment
)
@click.option("--repeat", metavar="N", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--period-ms", metavar="P", type=click.FloatRange(min=0), default=100, show_default=True
)
@_yes_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bus_options
def send(
    bus: BusOptions,
    what: str,
    assignments: tuple[str, ...],
    repeat: int,
    period_ms: float,
    is_sure: bool,
    as_json: bool,
) -> None:
    """Send a frame, given in candump's notation or by name.

    By name, its checksum and counter are right: the counter begins anywhere and counts on, or
    begins where COUNTER=N says. What is not named asks for nothing. Named in full, a checksum is
    sent as it is, right or wrong. An extended id has 8 digits.

    \b
    Examples:
      carport can send 200#0011223344556677
      carport can send BODY_DoorStatus DoorFrontLeftOpen=1
      carport can send GW_BodyCommand LockRequest=Lock --repeat 5
      carport can send 18FEF100#01.02 --interface socketcan --channel can0 --yes
    """
    connection = bus.connection()
    from carport.traffic.compose import compose
    from carport.traffic.dictionary import Dictionary
    from carport.traffic.selection import id_text
    from carport.traffic.sender import Sender

    dictionary = Dictionary(None) if "#" in what else bus.dictionary(connection)
    make = compose(what, assignments, dictionary)
    check_may_send(connection, is_sure)
    with Sender(connection) as sender:
        begin_s = time.monotonic()
        for number in range(repeat):
            sender.idle(begin_s + number * period_ms / 1000 - time.monotonic())
            frame = make()
            sender.send(frame)
        sender.flush()
    text = id_text(frame.arbitration_id, frame.is_extended_id)
    data = bytes(frame.data).hex().upper()
    if as_json:
        print_json({"id": text, "data": data.lower(), **_counted([sender])})
    else:
        times = f" {repeat} times, the last one" if repeat > 1 else ""
        click.echo(f"Sent {what}{times} as {text}#{data}{_where(connection, sender)}.")


@can.command()
@click.argument("file", type=_LOG)
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
@_filter_option
@click.option("--with-collisions", is_flag=True, help="Also ids that the car or its gateway send.")
@_yes_option
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
    chosen = _parse_filters(filters)
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
            with _ending() as ending:
                while not ending.is_set():
                    replay_log(file, selection, senders, speed, ending.is_set, progress)
                    ending.wait(found.gap_s / speed if speed else 0)
        else:
            replay_log(file, selection, senders, speed, lambda: False, progress)
        seconds = time.monotonic() - begin_s
    counted = _counted(list(senders.values()))
    if as_json:
        print_json(
            {
                "file": str(file),
                "frames": found.frames,
                **counted,
                "left_out": dict(found.left_out),
                "collisions": found.collisions,
                "seconds": round(seconds, 3),
            }
        )
        return
    places = " and ".join(
        _where(target, senders[name]).removeprefix(", ") for name, target in targets.items()
    )
    click.echo(f"Replayed {counted['sent']} frames in {seconds:.1f} s, {places}.")
    if found.left_out:
        click.echo(f"Left out: {_left_out(found)}.")


def _parse_filters(texts: tuple[str, ...]) -> "list[IdFilter]":
    from carport.traffic.selection import parse_filter

    return [parse_filter(each) for each in texts]


def _is_meant(frame: "python_can.Message", filters: "list[IdFilter]") -> bool:
    return not filters or any(
        each.means(frame.arbitration_id, frame.is_extended_id) for each in filters
    )


def _writer(output: Path) -> Any:
    from carport.traffic.logs import open_writer

    return open_writer(output)


def _presenter(
    dictionary: "Dictionary",
    as_json: bool,
    as_table: bool,
    signals_apart: bool,
    quiet: bool,
    stack: ExitStack,
) -> "Show":
    """Return what shows a frame; a live table ends with the stack."""
    from carport.cli.can_frames import LiveTable, show_json, show_line

    if quiet:
        return lambda frame: None
    if as_json:
        return show_json(dictionary)
    if as_table:
        table = LiveTable(dictionary)
        stack.enter_context(table.shown())
        return table.show
    return show_line(dictionary, signals_apart)


def _received(
    connection: "Connection",
    bus: "python_can.BusABC",
    seconds: float | None,
    ending: threading.Event,
) -> "Iterator[python_can.Message]":
    import can

    from carport.traffic.connection import lost

    end_s = None if seconds is None else time.monotonic() + seconds
    while not ending.is_set() and (end_s is None or time.monotonic() < end_s):
        wait_s = _LISTEN_S if end_s is None else min(_LISTEN_S, end_s - time.monotonic())
        try:
            frame = bus.recv(max(wait_s, 0))
        except (can.CanError, OSError) as error:
            raise lost(connection.name, error) from error
        if frame is not None:
            yield frame
        else:
            connection.check_alive()


@contextmanager
def _ending() -> Iterator[threading.Event]:
    """Yield what is set at Ctrl-C or SIGTERM, so that no frame or log is cut in two."""
    ending = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {each: signal.signal(each, lambda *_: ending.set()) for each in _ENDING_SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


def _counted(senders: "list[Sender]") -> dict[str, int | None]:
    is_heard = all(each.is_heard for each in senders)
    carried = sum(each.carried for each in senders) if is_heard else None
    return {"sent": sum(each.sent for each in senders), "carried": carried}


def _where(connection: "Connection", sender: "Sender") -> str:
    if sender.is_heard:
        return f", heard on {connection.name}"
    return f", given to {connection.name}"


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
