"""A defence as the lines that make it, and a copy of the sources where they are taken out."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from carport.paths import device_source_root

_PACKAGES = ("gateway", "firmware")


class Defence(NamedTuple):
    """lines: as they stand in the sources, each found there once, and as they are without it."""

    name: str
    lines: dict[str, str]


def take_out(defences: Iterable[Defence], folder: Path) -> None:
    """Copy the gateway's sources into folder, without some of its defences.

    Raises:
        LookupError: a line is not there, or not once: the control has to learn where it is now.
    """
    root = device_source_root()
    for package in _PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / package, folder / package, ignore=ignored)
    for defence in defences:
        for line, instead in defence.lines.items():
            _replace(folder, defence.name, line, instead)


def _replace(folder: Path, name: str, line: str, instead: str) -> None:
    found = [path for path in folder.rglob("*.py") if line in path.read_text()]
    if len(found) != 1 or found[0].read_text().count(line) != 1:
        places = ", ".join(str(path.relative_to(folder)) for path in found) or "nowhere"
        raise LookupError(f"the defence {name!r} is to be one line {line!r}, but is in {places}")
    found[0].write_text(found[0].read_text().replace(line, instead))
