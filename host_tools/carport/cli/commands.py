"""Carrying out a command of the car, and saying what the car did."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from carport.cli.options import Options
from carport.cli.output import print_json
from carport.duration import duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from carport.client import Client, Receipt


def carry_out(
    options: Options,
    doing: str,
    done: str,
    command: "Callable[[Client], Awaitable[Receipt]]",
) -> None:
    """Run a command and print its receipt.

    doing: what to say while it runs ("Locking"); done: once the car confirms it ("Locked").
    """
    with _progress(doing, options.as_json):
        receipt = options.run(command)
    if options.as_json:
        print_json(receipt.as_json())
    else:
        click.echo(f"{done}: the car confirmed it after {duration(receipt.elapsed_ms)}.")
        for line in _evidence(receipt):
            click.echo(f"  {line}")


def _evidence(receipt: "Receipt") -> list[str]:
    """Return a line for the frame that completed the confirmation."""
    lines = [item for item in receipt.evidence if isinstance(item, str)]
    if receipt.frames:
        last = receipt.frames[-1]
        others = len(receipt.frames) - 1
        more = f", and {others} more" if others else ""
        data = last.data.hex(" ").upper()
        lines.append(f"frame {last.id:03X} on {last.bus}: {data}{more}")
    return lines


def _progress(doing: str, as_json: bool) -> "AbstractContextManager[Any]":
    if as_json or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{doing} …")
