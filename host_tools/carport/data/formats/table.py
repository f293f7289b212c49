"""The table that an export is: five columns that say when and where, then one for each VSS path.

A row is one sample of one group; the cells of other groups' columns are empty in it, and those of
its own where the car's value was not known.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carport.data.archive import Archive, Sampled
from carport.data.block import Column, Value
from carport.data.formats.descriptions import description_of

HEAD = ("time", "group", "block", "uptime_ms", "region")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Signal:
    """A column of samples: steps are what its values are multiples of, oldest first.

    A step may have changed with the consent. is_whole: every value is a whole number.
    """

    path: str
    group: str
    datatype: str
    unit: str | None
    description: str
    steps: list[str]
    intervals_s: list[int]
    is_whole: bool


def signals_of(archive: Archive) -> list[Signal]:
    """Return the columns of everything that is kept."""
    steps: dict[str, dict[str, None]] = {}
    intervals: dict[str, dict[int, None]] = {}
    fractions: set[str] = set()
    for schema in archive.schemas():
        for group in schema.groups:
            intervals.setdefault(group.name, {})[group.interval_s] = None
            for column in group.columns:
                if column.scale is not None:
                    steps.setdefault(column.path, {})[str(column.scale)] = None
                    if column.scale.denominator != 1:
                        fractions.add(column.path)
    return [
        Signal(
            column.path,
            group_name,
            column.datatype,
            column.unit,
            description_of(column.path),
            list(steps.get(column.path, ())),
            list(intervals[group_name]),
            _is_integer(column) and column.path not in fractions,
        )
        for group_name, column in archive.columns()
    ]


def cells(rows: Iterable[Sampled], signals: list[Signal]) -> Iterator[list[Value | None]]:
    """Yield each row as a list: the five columns of HEAD, then the signals."""
    for row in rows:
        head: list[Value | None] = [time_text(row), row.group, row.block]
        head += [row.uptime_ms, row.region]
        yield head + [row.values.get(signal.path) for signal in signals]


def time_of(row: Sampled) -> datetime | None:
    """Return a row's time, None if it is not known."""
    return None if row.unix_ms is None else _EPOCH + timedelta(milliseconds=row.unix_ms)


def time_text(row: Sampled) -> str | None:
    """Return a row's time in ISO 8601, UTC: 2026-11-22T08:00:00.000Z."""
    time = time_of(row)
    return None if time is None else time.isoformat(timespec="milliseconds")[:-6] + "Z"


def _is_integer(column: Column) -> bool:
    return column.datatype.startswith(("int", "uint"))
