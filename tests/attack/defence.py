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

    def places(self) -> dict[str, Path]:
        """Return in which file each of its lines stands.

        Raises:
            LookupError: one is not there, or not once: the control has to learn where it is now.
        """
        sources = {
            path: path.read_text()
            for package in self.packages
            for path in sorted(_folder(package).rglob("*.py"))
        }
        places = {}
        for line in self.lines:
            found = [path for path, source in sources.items() if line in source]
            if len(found) != 1 or sources[found[0]].count(line) != 1:
                where = ", ".join(path.name for path in found) or "nowhere"
                raise LookupError(f"{self.name!r} is to be one line {line!r}, but is in {where}")
            places[line] = found[0]
        return places


def take_out(defences: Iterable[Defence], folder: Path) -> None:
    """Copy the packages that have these defences into folder, and take them out there.

    Raises:
        LookupError: as Defence.places().
    """
    for package in {package for defence in defences for package in defence.packages}:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_folder(package), folder / package, ignore=ignored)
    for defence in defences:
        roots = [_folder(package).parent for package in defence.packages]
        for line, place in defence.places().items():
            (root,) = {root for root in roots if place.is_relative_to(root)}
            copy = folder / place.relative_to(root)
            copy.write_text(copy.read_text().replace(line, defence.lines[line]))


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
