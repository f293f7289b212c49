"""What is drawn, whoever draws it: panels one below the other over the same time, and a route."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from carport.data.archive import Sampled

Point = tuple[float, float]

_LONGEST_GAP = 3.5  # times the usual distance of samples: then the line is broken


@dataclass(frozen=True)
class Line:
    """Values over unix seconds, in pieces between which nothing is known.

    is_wish: it was set, not measured. is_filled: down to 0.
    """

    label: str
    pieces: list[list[Point]]
    is_wish: bool = False
    is_filled: bool = False

    def points(self) -> list[Point]:
        """Return all points."""
        return [point for piece in self.pieces for point in piece]


@dataclass(frozen=True)
class Panel:
    """Lines with one unit; spans: times from and to which something was on, called span_label.

    limits: the scale's, where they are given by what is drawn.
    """

    label: str
    unit: str
    lines: list[Line]
    spans: list[Point] = field(default_factory=list)
    span_label: str = ""
    limits: Point | None = None


@dataclass(frozen=True)
class Route:
    """Longitudes and latitudes in degrees, in their order, each with the speed there."""

    positions: list[Point]
    speeds: list[float]


@dataclass(frozen=True)
class Chart:
    """A title, a line below it, the panels, and a route if there is one."""

    title: str
    subtitle: str
    panels: list[Panel]
    route: Route | None = None

    def limits(self) -> Point:
        """Return the first and the last time."""
        times = [
            time for panel in self.panels for line in panel.lines for time, _ in line.points()
        ]
        return min(times), max(times)


def line_of(
    rows: Iterable[Sampled],
    path: str,
    label: str,
    *,
    is_wish: bool = False,
    is_filled: bool = False,
) -> Line:
    """Return a signal's line; it is broken where the car was silent, or the value not known."""
    points = [
        (row.unix_ms / 1000, row.values.get(path))
        for row in rows
        if row.unix_ms is not None and path in row.values
    ]
    steps = sorted(after[0] - before[0] for before, after in pairwise(points))
    longest_s = steps[len(steps) // 2] * _LONGEST_GAP if steps else 0.0
    pieces: list[list[Point]] = []
    last_s: float | None = None
    for time_s, value in points:
        if isinstance(value, bool) or not isinstance(value, int | float):
            last_s = None
            continue
        if last_s is None or time_s - last_s > longest_s:
            pieces.append([])
        pieces[-1].append((time_s, float(value)))
        last_s = time_s
    return Line(label, pieces, is_wish, is_filled)


def spans_of(rows: Iterable[Sampled], path: str) -> list[Point]:
    """Return the times from and to which a boolean signal was true."""
    spans: list[Point] = []
    began_s: float | None = None
    time_s = 0.0
    for row in rows:
        if row.unix_ms is None or path not in row.values:
            continue
        time_s = row.unix_ms / 1000
        is_on = row.values[path] is True
        if is_on and began_s is None:
            began_s = time_s
        elif not is_on and began_s is not None:
            spans.append((began_s, time_s))
            began_s = None
    if began_s is not None and time_s > began_s:
        spans.append((began_s, time_s))
    return spans


def period(first_s: float, last_s: float) -> str:
    """Return a time from and to as people say it here: "22 November 2026, 08:10 to 08:42"."""
    first, last = datetime.fromtimestamp(first_s), datetime.fromtimestamp(last_s)
    if first.date() == last.date():
        return f"{_date(first)}, {first:%H:%M} to {last:%H:%M}"
    return f"{_date(first)}, {first:%H:%M} to {_date(last)}, {last:%H:%M}"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
