"""Secrets that come in: typed without being shown, from a file, or from stdin; never as arguments.

A process's arguments stand in the system's list of processes, for everybody to read.
"""

import sys
from pathlib import Path

from carport.cli import asking
from carport.errors import UsageError

_MAX_BYTES = 65536


def read_text(source: str, what: str) -> str:
    """Return the text of a file, or, for "-", of stdin: hidden where that is a terminal.

    Raises:
        UsageError: it cannot be read.
    """
    if source == "-" and sys.stdin.isatty():
        return str(asking.prompt(f"Paste {what} (it is not shown)", hide_input=True))
    try:
        if source == "-":
            return sys.stdin.read(_MAX_BYTES)
        with Path(source).open(encoding="utf-8") as file:
            return file.read(_MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{what} cannot be read from {source} ({reason})") from error


def read_passphrase(source: str | None, prompt: str, is_new: bool = False) -> str:
    """Return a passphrase: the first line of a file, of stdin for "-", or typed; twice if new.

    Raises:
        UsageError: there is none to be had.
    """
    if source is not None:
        lines = read_text(source, "the passphrase").splitlines()
        if not lines or not lines[0]:
            raise UsageError("the passphrase is empty: write it into the file's first line")
        return lines[0]
    if not sys.stdin.isatty():
        raise UsageError("nobody can type a passphrase here: add --passphrase-file, - for stdin")
    typed = asking.prompt(prompt, hide_input=True, confirmation_prompt=is_new)
    return str(typed)
