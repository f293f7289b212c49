"""A defence as the lines that make it, and a copy of the sources where they are taken out."""

import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

FIRMWARE = ("gateway", "firmware")


class Defence(NamedTuple):
    """lines: as they stand in the sources, each found there once, and as they are without it."""

    name: str
    lines: dict[str, str]
    packages: tuple[str, ...] = FIRMWARE


def take_out(defences: Iterable[Defence], folder: Path) -> None:
    """Copy the packages that have these defences into folder, and take them out there.

    Raises:
        LookupError: a line is not there, or not once: the control has to learn where it is now.
    """
    for package in {package for defence in defences for package in defence.packages}:
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(spec.submodule_search_locations[0], folder / package, ignore=ignored)
    for defence in defences:
        for line, instead in defence.lines.items():
            _replace(folder, defence.name, line, instead)


def _replace(folder: Path, name: str, line: str, instead: str) -> None:
    found = [path for path in folder.rglob("*.py") if line in path.read_text()]
    if len(found) != 1 or found[0].read_text().count(line) != 1:
        places = ", ".join(str(path.relative_to(folder)) for path in found) or "nowhere"
        raise LookupError(f"the defence {name!r} is to be one line {line!r}, but is in {places}")
    found[0].write_text(found[0].read_text().replace(line, instead))
