"""The table that grows: a row for each attack, or a JSON object."""

import json
import sys
import textwrap
from typing import NamedTuple

from tests.attack.attack import Attack, Outcome

_COLUMNS = (
    ("attack", 24),
    ("against", 8),
    ("tried", 7),
    ("succeeded", 9),
    ("what stopped it", 34),
    ("control: without", 26),
    ("succeeded", 9),
)


_SHOWN = 4


class Row(NamedTuple):
    """An attack, and what came of it and of its control."""

    attack: Attack
    outcome: Outcome
    control: Outcome | None
    seconds: float

    @property
    def control_result(self) -> str:
        """How often the control succeeded, in words."""
        control = self.control
        return "" if control is None else f"{control.succeeded:,} of {control.tried:,}"

    @property
    def is_good(self) -> bool:
        """Whether the attack failed and its control succeeded, or nothing is promised."""
        if self.control is None:
            return True
        if self.outcome.errors:
            return False
        return 0 == self.outcome.succeeded < self.outcome.tried and self.control.succeeded > 0


class Table:
    """Prints each row as it is added."""

    def __init__(self, as_json: bool) -> None:
        self.is_good = True
        self._as_json = as_json
        self._count = 0
        if not as_json:
            self._line([name for name, _ in _COLUMNS])
            print("-" * (sum(width for _, width in _COLUMNS) + 2 * len(_COLUMNS)))

    def begin(self, attack: Attack) -> None:
        """Say which attack is under way, where somebody looks."""
        if not self._as_json and sys.stdout.isatty():
            print(f"{attack.name} ...", end="\r", flush=True)

    def add(self, row: Row) -> None:
        """Print a row."""
        self._count += 1
        self.is_good &= row.is_good
        if self._as_json:
            self._print_json(row)
        else:
            self._print(row)

    def fail(self, attack: Attack, error: Exception) -> None:
        """Say why an attack or its control could not be tried."""
        self._count += 1
        self.is_good = False
        if self._as_json:
            fields = {"attack": attack.name, "is_good": False, "error": str(error)}
            print(json.dumps(fields), flush=True)
        else:
            print(f"{attack.name}: NOT TRIED\n{textwrap.indent(str(error), '    ')}", flush=True)

    def close(self, seconds: float) -> None:
        """Say how it ended."""
        verdict = "NOT GOOD"
        if self.is_good:
            verdict = "every attack failed but for what is not promised, every control succeeded"
        if not self._as_json:
            print(f"{self._count} attacks in {seconds:.0f} s: {verdict}")

    def _print(self, row: Row) -> None:
        outcome = row.outcome
        stopped = ", ".join(
            f"{count} {by}" for by, count in outcome.stopped_by.most_common(_SHOWN)
        )
        others = len(outcome.stopped_by) - _SHOWN
        stopped += f", {others} more kinds" if others > 0 else ""
        self._line(
            [
                row.attack.name,
                row.attack.where,
                f"{outcome.tried:,}",
                f"{outcome.succeeded:,}",
                stopped,
                ", ".join(defence.name for defence in row.attack.without),
                row.control_result,
            ]
        )
        if row.attack.alone:
            names = ", ".join(defence.name for defence in row.attack.alone)
            print(f"    in both without {names}, so that nothing stands before what is shown")
        if outcome.errors:
            print(f"    errors on the board: {outcome.errors}")
        if row.attack.limit:
            print(f"    not promised: {row.attack.limit}")
        for name, value in outcome.figures.items():
            print(f"    {name}: {value}")
        if not row.is_good:
            print("    ^ NOT GOOD")
        sys.stdout.flush()

    def _line(self, cells: list[str]) -> None:
        wrapped = [
            textwrap.wrap(cell, width) or [""]
            for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
        ]
        for i in range(max(map(len, wrapped))):
            parts = [
                (lines[i] if i < len(lines) else "").ljust(width)
                for lines, (_, width) in zip(wrapped, _COLUMNS, strict=True)
            ]
            print("  ".join(parts).rstrip())

    def _print_json(self, row: Row) -> None:
        print(
            json.dumps(
                {
                    "attack": row.attack.name,
                    "aim": row.attack.aim,
                    "against": row.attack.where,
                    "tried": row.outcome.tried,
                    "succeeded": row.outcome.succeeded,
                    "stopped_by": dict(row.outcome.stopped_by.most_common()),
                    "figures": row.outcome.figures,
                    "errors": row.outcome.errors,
                    "alone": [defence.name for defence in row.attack.alone],
                    "without": [defence.name for defence in row.attack.without],
                    "control": row.control_result,
                    "limit": row.attack.limit,
                    "is_good": row.is_good,
                    "seconds": round(row.seconds, 1),
                }
            ),
            flush=True,
        )
