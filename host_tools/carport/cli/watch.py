"""`carport watch`."""

import sys
import time
from contextlib import ExitStack, aclosing, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, value_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from carport.client import Client, Signals


@click.command()
@click.option("--seconds", metavar="N", type=click.FloatRange(min=0), help="End after this time.")
@click.option(
    "--count", metavar="N", type=click.IntRange(min=1), help="End after this many updates."
)
@gateway_options
def watch(options: Options, seconds: float | None, count: int | None) -> None:
    """Show the car's state as it changes, until Ctrl-C.

    In a terminal a table; elsewhere a line for each signal that changes; with --json an object a
    line for each update.

    \b
    Examples:
      carport watch
      carport watch --seconds 60 | grep IsLocked
      carport watch --json --count 1
    """
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        show = _presenter(options.as_json, stack)
        options.run(lambda client: _watch(client, show, seconds, count))


async def _watch(
    client: "Client", show: "Callable[[Signals], None]", seconds: float | None, count: int | None
) -> None:
    import asyncio

    shown = 0
    try:
        async with asyncio.timeout(seconds) as limit, aclosing(client.watch()) as updates:
            async for signals in updates:
                show(signals)
                shown += 1
                if shown == count:
                    return
    except TimeoutError:
        if not limit.expired():
            raise


def _presenter(as_json: bool, stack: ExitStack) -> "Callable[[Signals], None]":
    """Return what shows an update; a live table ends with the stack."""
    if as_json:
        return lambda signals: print_json({path: each.as_json() for path, each in signals.items()})
    if not sys.stdout.isatty():
        return _Changes().show
    from rich.live import Live

    table = _LiveTable()
    stack.enter_context(Live(get_renderable=table.render, refresh_per_second=4))
    return table.show


class _LiveTable:
    """The summary as it is now: ages grow between the updates."""

    def __init__(self) -> None:
        self._signals: Signals = {}
        self._updated_s = 0.0

    def show(self, signals: "Signals") -> None:
        self._signals, self._updated_s = signals, time.monotonic()

    def render(self) -> "Table":
        from carport.cli.summary import summary_table

        older_ms = round((time.monotonic() - self._updated_s) * 1000)
        return summary_table(
            {
                path: replace(signal, age_ms=signal.age_ms + older_ms)
                for path, signal in self._signals.items()
            }
        )


class _Changes:
    """Prints a line for each signal whose value is not the one before."""

    def __init__(self) -> None:
        self._last: Signals = {}

    def show(self, signals: "Signals") -> None:
        now = datetime.now().strftime("%H:%M:%S.%f")[:-3]
        for path, signal in sorted(signals.items()):
            last = self._last.get(path)
            if last is None or last.value != signal.value:
                click.echo(f"{now} {path} {value_text(signal.value, signal.unit)}")
        self._last.update(signals)
        sys.stdout.flush()
