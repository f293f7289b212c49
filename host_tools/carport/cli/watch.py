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
from carport.cli.vss import profile_paths, signals_as_json

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
    with suppress(KeyboardInterrupt):
        options.run(lambda client: _watch(client, options.as_json, seconds, count))


async def _watch(
    client: "Client", as_json: bool, seconds: float | None, count: int | None
) -> None:
    import asyncio

    shown = 0
    with ExitStack() as stack, suppress(TimeoutError):
        show = _presenter(as_json, profile_paths(client.gateway.profile), stack)
        async with asyncio.timeout(seconds), aclosing(client.watch()) as updates:
            async for signals in updates:
                show(signals)
                shown += 1
                if shown == count:
                    return


def _presenter(as_json: bool, paths: list[str], stack: ExitStack) -> "Callable[[Signals], None]":
    """Return what shows an update; a live table ends with the stack."""
    if as_json:
        return lambda signals: print_json(signals_as_json(signals, paths))
    if not sys.stdout.isatty():
        return _Changes().show
    from rich.live import Live

    table = _LiveTable(paths)
    stack.enter_context(Live(get_renderable=table.render, refresh_per_second=4))
    return table.show


class _LiveTable:
    """The summary as it is now: ages grow between the updates."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._signals: Signals = {}
        self._updated_s = 0.0

    def show(self, signals: "Signals") -> None:
        self._signals, self._updated_s = signals, time.monotonic()

    def render(self) -> "Table":
        from carport.cli.summary import summary_table

        older_ms = round((time.monotonic() - self._updated_s) * 1000)
        older = {
            path: replace(signal, age_ms=signal.age_ms + older_ms)
            for path, signal in self._signals.items()
        }
        return summary_table(older, self._paths)


class _Changes:
    """Prints a line for each signal whose value is not the one before."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def show(self, signals: "Signals") -> None:
        now = datetime.now().strftime("%H:%M:%S.%f")[:-3]
        told = dict.fromkeys(self._last, "not known")
        told |= {path: value_text(each.value, each.unit) for path, each in signals.items()}
        for path, text in sorted(told.items()):
            if self._last.get(path) != text:
                click.echo(f"{now} {path} {text}")
        self._last = told
        sys.stdout.flush()
