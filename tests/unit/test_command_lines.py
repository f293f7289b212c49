"""Every command line that a page, a help text or a message names is one that the program takes.

Commands and options are looked up; values are not, for many stand for what a reader puts there.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from carport.cli.main import carport_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SOURCES = sorted(
    path
    for folder in ("host_tools", "firmware", "gateway")
    for path in ROOT.glob(f"{folder}/**/*.py")
)

_QUOTED = re.compile(r"`(carport [^`]+)`")
_ALONE = re.compile(r"^ *(?:\$ )?(carport [a-z][^\n]*)$", re.MULTILINE)
_BROKEN_TEXT = re.compile(r'"\s*\n\s*f?"')
_END = re.compile(r"  | #|\||&&|\.\.\.|[>\[{─]")


def lines_of(path: Path) -> Iterator[str]:
    """Yield the command lines in a file: between backquotes, or on a line of their own."""
    text = path.read_text(encoding="utf-8")
    for found in (*_QUOTED.findall(_BROKEN_TEXT.sub("", text)), *_ALONE.findall(text)):
        yield _END.split(" ".join(found.split()) if "\n" in found else found)[0].rstrip(" ,;:.")


def check(line: str) -> None:
    """Raise click's error if the program has no such command, or the command no such option."""
    words = shlex.split(line)[1:]
    command: click.Command = carport_command
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command, context = found, click.Context(found, parent=context)
    with suppress(click.BadOptionUsage):  # its value is left out
        command.make_parser(context).parse_args(words)


def test_it_notices_what_does_not_exist() -> None:
    check("carport data erase --before DATE")
    check("carport keys add --region")
    for line in ("carport tune", "carport data tidy", "carport update --quick"):
        with pytest.raises(click.UsageError):
            check(line)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.name))
def test_pages(path: Path) -> None:
    for line in lines_of(path):
        check(line)


def test_sources() -> None:
    lines = {line for path in SOURCES for line in lines_of(path)}
    assert len(lines) > 80
    for line in lines:
        check(line)
