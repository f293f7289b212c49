"""What goes to stdout and stderr: one JSON object, or lines for people."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from carport.client.receipt import Receipt


def print_json(fields: dict[str, Any]) -> None:
    """Print one JSON object on one line of stdout."""
    click.echo(json.dumps(fields, ensure_ascii=False))
    sys.stdout.flush()


def print_error(
    message: str, exit_code: int, as_json: bool, receipt: "Receipt | None" = None
) -> None:
    """Print what is wrong: a sentence on stderr, or an object on stdout."""
    if as_json:
        fields = receipt.as_json() if receipt else {}
        print_json({"error": message, "exit_code": exit_code, **fields})
    else:
        click.echo(f"carport: {message}", err=True)


def print_log(line: str) -> None:
    """Print a line that the board has logged, on stderr."""
    click.echo(f"board: {line}", err=True)


def duration(ms: int) -> str:
    """Return a duration as people say it: 420 ms, 1.5 s, 12 s, 3 min, 5 h, 2 days."""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def value_text(value: bool | int | float | str, unit: str | None = None) -> str:
    """Return a signal's value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {_UNITS.get(unit, unit)}" if unit else text


_UNITS: dict[str | None, str] = {"Cel": "°C", "celsius": "°C", "%": "%", "percent": "%"}
