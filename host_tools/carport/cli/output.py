"""What goes to stdout and stderr: one JSON object, or lines for people."""

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from carport.client.receipt import Receipt


def print_json(fields: dict[str, Any]) -> None:
    """Print one JSON object on one line of stdout."""
    click.echo(json.dumps(fields, ensure_ascii=False))
    sys.stdout.flush()


def say(text: str, err: bool = False) -> None:
    """Print sentences on stdout or stderr; in a terminal no line ends within a word."""
    if (sys.stderr if err else sys.stdout).isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(_wrapped(line, width) for line in text.splitlines())
    click.echo(text, err=err)


def _wrapped(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_error(
    message: str, exit_code: int, as_json: bool, receipt: "Receipt | None" = None
) -> None:
    """Print what is wrong: a sentence on stderr, or an object on stdout."""
    if as_json:
        fields = receipt.as_json() if receipt else {}
        print_json({"error": message, "exit_code": exit_code, **fields})
    else:
        say(f"carport: {message}", err=True)


def print_log(line: str) -> None:
    """Print a line that the board has logged, on stderr."""
    click.echo(f"board: {line}", err=True)


def value_text(value: bool | int | float | str, unit: str | None = None) -> str:
    """Return a signal's value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "degrees":  # a position needs all its digits
        return f"{value}°"
    text = f"{round(value, 2):g}" if isinstance(value, float) else str(value)
    return f"{text} {_UNITS.get(unit, unit)}" if unit else text


_UNITS: dict[str | None, str] = {"Cel": "°C", "celsius": "°C", "%": "%", "percent": "%"}
