"""A chart in a terminal: lines of braille dots, two by four in each character, and their scale."""

import math
from datetime import datetime
from itertools import pairwise

from carport.data.charts.chart import Chart, Panel, Point

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column, then row from above
_BLANK = 0x2800
_COLOURS = ("36", "33", "35")  # cyan, yellow, magenta
_HEIGHT = 13  # odd: the middle of the scale is a row's
_SCALE_WIDTH = 8


def draw_text(chart: Chart, width: int, *, is_coloured: bool) -> str:
    """Return the chart as lines of at most so many characters."""
    lines = [chart.title, chart.subtitle]
    limits = chart.limits()
    for panel in chart.panels:
        lines += ["", _heading(panel, is_coloured)]
        lines += _draw_panel(panel, limits, max(20, width - _SCALE_WIDTH - 2), is_coloured)
    lines.append(_times(limits, max(20, width - _SCALE_WIDTH - 2)))
    if chart.route is not None:
        lines.append("The route is in the PNG: add -o trip.png")
    return "\n".join(lines)


def _heading(panel: Panel, is_coloured: bool) -> str:
    names = [
        _in_colour(f"── {line.label}", index, is_coloured)
        for index, line in enumerate(panel.lines)
    ]
    return f"{panel.label} ({panel.unit})  " + "  ".join(names)


def _draw_panel(panel: Panel, limits: Point, width: int, is_coloured: bool) -> list[str]:
    values = [value for line in panel.lines for _, value in line.points()]
    low, high = min(values), max(values)
    if any(line.is_filled for line in panel.lines):
        low = min(0.0, low)
    low, high = panel.limits or _rounded(low, high)
    cells = [[_BLANK] * width for _ in range(_HEIGHT)]
    owners = [[-1] * width for _ in range(_HEIGHT)]
    span_s = (limits[1] - limits[0]) or 1.0
    for index, line in enumerate(panel.lines):
        for piece in line.pieces:
            dots = [
                (
                    round((time - limits[0]) / span_s * (2 * width - 1)),
                    round((high - value) / (high - low) * (4 * _HEIGHT - 1)),
                )
                for time, value in piece
            ]
            for column, row in _joined(dots):
                cells[row // 4][column // 2] |= _DOTS[column % 2][row % 4]
                owners[row // 4][column // 2] = index
    drawn = []
    for row in range(_HEIGHT):
        scale = ""
        if row in (0, _HEIGHT // 2, _HEIGHT - 1):
            scale = f"{high - (high - low) * row / (_HEIGHT - 1):.6g}"
        body = "".join(
            _in_colour(chr(cell), owner, is_coloured)
            for cell, owner in zip(cells[row], owners[row], strict=True)
        )
        drawn.append(f"{scale:>{_SCALE_WIDTH}} │{body.rstrip(chr(_BLANK))}")
    drawn.append(" " * (_SCALE_WIDTH + 1) + "└" + "─" * width)
    return drawn


def _rounded(low: float, high: float) -> Point:
    """Return limits around these, on an even number of round steps."""
    span = (high - low) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 2))
    while span / step > 8:
        step *= 2
    begin = math.floor(low / step) * step
    steps = math.ceil((high - begin) / step)
    return begin, begin + (steps + steps % 2 or 2) * step


def _joined(dots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the dots with those between them, so that a line has no holes."""
    joined = dots[:1]
    for (column, row), (to_column, to_row) in pairwise(dots):
        steps = max(abs(to_column - column), abs(to_row - row), 1)
        joined += [
            (
                column + round((to_column - column) * step / steps),
                row + round((to_row - row) * step / steps),
            )
            for step in range(1, steps + 1)
        ]
    return joined


def _times(limits: Point, width: int) -> str:
    first, last = (datetime.fromtimestamp(time) for time in limits)
    form = "%H:%M:%S" if limits[1] - limits[0] < 600 else "%H:%M"
    if first.date() != last.date():
        form = "%d %b %H:%M"
    begin, end = first.strftime(form), last.strftime(form)
    return " " * (_SCALE_WIDTH + 2) + begin + end.rjust(width - len(begin))


def _in_colour(text: str, index: int, is_coloured: bool) -> str:
    if not is_coloured or index < 0:
        return text
    return f"\x1b[{_COLOURS[index % len(_COLOURS)]}m{text}\x1b[0m"
