"""`carport can dump`."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.can_bus import (
    BusOptions,
    bus_options,
    ending_at_signals,
    filter_option,
    parse_filters,
)
from carport.errors import UsageError

if TYPE_CHECKING:
    import can

    from carport.cli.can_frames import Show
    from carport.traffic.connection import Connection
    from carport.traffic.dictionary import Dictionary
    from carport.traffic.selection import IdFilter

_LISTEN_S = 0.2


@click.command()
@filter_option
@click.option("--changed", "only_changed", is_flag=True, help="Only what says something new.")
@click.option("--signals", "signals_apart", is_flag=True, help="A line for each signal.")
@click.option("--table", "as_table", is_flag=True, help="A row for each id, live.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after this many.")
@click.option("--seconds", metavar="N", type=click.FloatRange(min=0), help="End after this time.")
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record into a log.",
)
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
      carport can dump --interface slcan --channel /dev/ttyACM0 \\
          --bitrate 500000 --car leaf-2013
    """
    if as_table and (as_json or signals_apart):
        raise UsageError("--table shows everything at once: leave --json and --signals out")
    chosen = parse_filters(filters)
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
        with ending_at_signals() as ending:
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


def _is_meant(frame: "can.Message", filters: "list[IdFilter]") -> bool:
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
    bus: "can.BusABC",
    seconds: float | None,
    ending: threading.Event,
) -> "Iterator[can.Message]":
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
