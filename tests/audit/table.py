"""The table that grows: a row for each check, or a JSON object."""

import json
import sys
import textwrap
from typing import NamedTuple

from tests.audit.check import Check, Outcome

_COLUMNS = (
    ("check", 16),
    ("promise", 34),
    ("looked at", 16),
    ("found", 5),
    ("planted", 31),
    ("caught", 6),
)


class Row(NamedTuple):
    """A check, what came of it, and by plant what was found where it was planted."""

    check: Check
    outcome: Outcome
    caught: dict[str, dict[str, int]]
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether nothing was found in what was looked at, and each plant was."""
        outcome = self.outcome
        return outcome.looked_at > 0 and not outcome.found and all(self.caught.values())


class Table:
    """Prints each row as it is added."""

    def __init__(self, as_json: bool) -> None:
        self.is_good = True
        self._as_json = as_json
        self._count = self._skipped = 0
        if not as_json:
            _line([name for name, _ in _COLUMNS])
            print("-" * (sum(width for _, width in _COLUMNS) + 2 * len(_COLUMNS)))

    def begin(self, check: Check) -> None:
        """Say which check is under way, where somebody looks."""
        if not self._as_json and sys.stdout.isatty():
            print(f"{check.name} ...", end="\r", flush=True)

    def skip(self, check: Check, reason: str) -> None:
        """Say that a check was left out, and why."""
        self._skipped += 1
        if self._as_json:
            print(json.dumps({"check": check.name, "skipped": reason}), flush=True)
        else:
            _line([check.name, check.asks, "skipped"])
            print(f"    {reason}", flush=True)

    def add(self, row: Row) -> None:
        """Print a row."""
        self._count += 1
        self.is_good &= row.is_good
        if self._as_json:
            _print_json(row)
        else:
            _print(row)

    def close(self, seconds: float) -> None:
        """Say how it ended."""
        verdict = "NOT GOOD"
        if self.is_good:
            verdict = "nothing was found, every planted leak was"
        if not self._count:
            self.is_good, verdict = False, "nothing was looked at"
        if self._skipped:
            verdict += f"; {self._skipped} skipped"
        if not self._as_json:
            print(f"{self._count} checks in {seconds:.0f} s: {verdict}")


def _print(row: Row) -> None:
    check, outcome = row.check, row.outcome
    for number, (plant, found) in enumerate(row.caught.items()):
        told = [check.name, check.asks, f"{outcome.looked_at:,} {check.unit}"]
        told.append(f"{outcome.found.total():,}")
        _line([*(told if number == 0 else [""] * 4), plant, "yes" if found else "NO"])
    for what, count in outcome.found.most_common():
        print(f"    FOUND {count:,} x {what}")
    for name, value in outcome.figures.items():
        print(f"    {name}: {_text(value)}")
    if not row.is_good:
        print("    ^ NOT GOOD")
    sys.stdout.flush()


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {what}" for what, count in value.items())
    return str(value)


def _line(cells: list[str]) -> None:
    wrapped = [
        textwrap.wrap(cell, width) or [""]
        for cell, (_, width) in zip(cells, _COLUMNS, strict=False)
    ]
    for i in range(max(map(len, wrapped))):
        parts = [
            (lines[i] if i < len(lines) else "").ljust(width)
            for lines, (_, width) in zip(wrapped, _COLUMNS, strict=False)
        ]
        print("  ".join(parts).rstrip())


def _print_json(row: Row) -> None:
    print(
        json.dumps(
            {
                "check": row.check.name,
                "promise": row.check.asks,
                "looked_at": row.outcome.looked_at,
                "unit": row.check.unit,
                "found": dict(row.outcome.found.most_common()),
                "figures": row.outcome.figures,
                "planted": row.caught,
                "is_good": row.is_good,
                "seconds": round(row.seconds, 1),
            }
        ),
        flush=True,
    )
