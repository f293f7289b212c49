"""Received frames, for people and programs: lines, JSON, or a live table."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import can
import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from carport.cli.output import print_json, value_text
from carport.traffic.dictionary import Dictionary, Reading
from carport.traffic.selection import id_text

Show = Callable[[can.Message], None]

_EPOCH_MIN_S = 1e9  # below it, an adapter counts from when it was started
_RATE_FRAMES = 32
_COLUMNS = (("id", 3), ("name", 4), ("frames", 6), ("rate", 8), ("bytes", 23))
_SIGNALS_FROM = 80  # columns of a terminal that are for all the others
_SIGNALS_MIN = 30


def show_json(dictionary: Dictionary) -> Show:
    """Return what prints an object a line."""

    def show(frame: can.Message) -> None:
        reading = dictionary.read(frame)
        fields: dict[str, Any] = {
            "time": frame.timestamp,
            "channel": frame.channel,
            "id": _id(frame),
            "name": reading.name if reading else None,
            "data": bytes(frame.data).hex(),
            "signals": {
                name: {"value": value, "unit": unit}
                for name, (value, unit) in (reading.signals.items() if reading else ())
            },
        }
        if reading and reading.problem:
            fields["problem"] = reading.problem
        print_json(fields)

    return show


def show_line(dictionary: Dictionary, signals_apart: bool) -> Show:
    """Return what prints a line; signals_apart: and one more for each signal."""

    def show(frame: can.Message) -> None:
        reading = dictionary.read(frame)
        name = reading.name if reading else "-"
        head = f"{_time(frame)}  {frame.channel or '-'}  {_id(frame):>8}  {name:<20}"
        line = f"{head}  {_what(frame):<23}"
        signals = _signals(reading)
        if not signals_apart:
            line += "  " + "  ".join(signals)
        click.echo(line.rstrip())
        for signal in signals if signals_apart else ():
            click.echo(f"    {signal}")

    return show


class LiveTable:
    """One row for each id: how often it comes, and what it said last."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._console = Console()
        self._rows: dict[str, _Row] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it live inside the `with`; where there is no terminal, print it at the end."""
        if self._console.is_terminal:
            with Live(console=self._console, get_renderable=self._render, refresh_per_second=4):
                yield
        else:
            yield
            self._console.print(self._render())

    def show(self, frame: can.Message) -> None:
        """Take a frame."""
        self._rows.setdefault(_id(frame), _Row()).take(frame)

    def _render(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for header, width in _COLUMNS:
            table.add_column(header, min_width=width, no_wrap=True)
        room = self._console.width - _SIGNALS_FROM
        if room >= _SIGNALS_MIN:
            table.add_column("signals", max_width=room, overflow="ellipsis", no_wrap=True)
        for identifier, row in sorted(self._rows.copy().items()):
            reading = self._dictionary.read(row.frame)
            name = reading.name if reading else "-"
            signals = ["  ".join(_signals(reading))] if room >= _SIGNALS_MIN else []
            table.add_row(identifier, name, str(row.count), row.rate, row.bytes(), *signals)
        return table


class _Row:
    frame: can.Message

    def __init__(self) -> None:
        self.count = 0
        self._times_s: deque[float] = deque(maxlen=_RATE_FRAMES)
        self._before = b""

    def take(self, frame: can.Message) -> None:
        self._before = bytes(self.frame.data) if self.count else bytes(frame.data)
        self.frame = frame
        self.count += 1
        self._times_s.append(frame.timestamp)

    @property
    def rate(self) -> str:
        """How often it came lately."""
        lasted_s = self._times_s[-1] - self._times_s[0]
        return f"{(len(self._times_s) - 1) / lasted_s:.1f} Hz" if lasted_s > 0 else "-"

    def bytes(self) -> Text:
        """Return the bytes, with those that the last frame changed in bold."""
        text = Text()
        for i, byte in enumerate(self.frame.data):
            is_new = self._before[i : i + 1] != bytes((byte,))
            text.append(f"{byte:02X} ", "bold" if is_new else "")
        return text


def _id(frame: can.Message) -> str:
    return id_text(frame.arbitration_id, frame.is_extended_id)


def _time(frame: can.Message) -> str:
    if frame.timestamp < _EPOCH_MIN_S:
        return f"{frame.timestamp:15.6f}"
    return datetime.fromtimestamp(frame.timestamp).strftime("%H:%M:%S.%f")


def _what(frame: can.Message) -> str:
    if frame.is_error_frame:
        return "error frame"
    if frame.is_remote_frame:
        return f"remote frame [{frame.dlc}]"
    return bytes(frame.data).hex(" ").upper()


def _signals(reading: Reading | None) -> list[str]:
    if reading is None:
        return []
    if reading.problem:
        return [f"({reading.problem})"]
    return [f"{name}={value_text(*each)}" for name, each in reading.signals.items()]
