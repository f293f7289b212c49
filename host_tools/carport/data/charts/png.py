"""A chart as a PNG, by matplotlib, which comes with the extra [export]."""

import importlib
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from carport.data.charts.chart import Chart, Panel, Route
from carport.errors import UsageError

_INCHES = (10.0, 4.6)
_DPI = 160
_INK = "#24292f"
_GRID = "#d8dee4"
_COLOURS = ("#0a6e8a", "#c2541b", "#6a4fb3")
_SPAN = "#f2c14e"
_ZEROS = ["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"]  # where a year, month, day, ... begins


def draw_png(chart: Chart, path: Path) -> None:
    """Write the chart to path.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "a PNG needs matplotlib: pip install 'carport-gateway[export]', or leave -o out to "
            "see it here"
        ) from error
    style: Any = {
        "font.size": 10,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _GRID,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        width, height = _INCHES
        count = len(chart.panels)
        figure = Figure((width, height + 1.9 * (count - 1)), dpi=_DPI, layout="constrained")
        columns = 2 if chart.route else 1
        ratios = [1.7, 1] if chart.route else [1]
        grid = figure.add_gridspec(count, columns, width_ratios=ratios)
        axes: Any = None
        for row, panel in enumerate(chart.panels):
            axes = figure.add_subplot(grid[row, 0], sharex=axes)
            _draw_panel(axes, panel, is_last=row == count - 1)
        if chart.route:
            _draw_route(figure, figure.add_subplot(grid[:, 1]), chart.route)
        figure.suptitle(f"{chart.title}\n{chart.subtitle}", x=0.01, ha="left", fontsize=12)
        try:
            figure.savefig(path)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written ({error.strerror}): give another"
            ) from error


def _draw_panel(axes: Any, panel: Panel, is_last: bool) -> None:
    dates: Any = importlib.import_module("matplotlib.dates")

    for index, span in enumerate(panel.spans):
        begin, end = (datetime.fromtimestamp(time) for time in span)
        label = panel.span_label if index == 0 else None
        axes.axvspan(begin, end, color=_SPAN, alpha=0.25, lw=0, label=label)
    for line, colour in zip(panel.lines, _COLOURS, strict=False):
        for index, piece in enumerate(line.pieces):
            times = [datetime.fromtimestamp(time) for time, _ in piece]
            values = [value for _, value in piece]
            axes.plot(
                times,
                values,
                color=colour,
                lw=1.2 if line.is_wish else 1.8,
                ls="--" if line.is_wish else "-",
                marker="." if len(piece) == 1 else None,
                label=line.label if index == 0 else None,
            )
            if line.is_filled:
                axes.fill_between(times, values, color=colour, alpha=0.15, lw=0)
    axes.set_ylabel(f"{panel.label} ({panel.unit})")
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    elif any(line.is_filled for line in panel.lines):
        axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.grid(color=_GRID, lw=0.6)
    axes.set_axisbelow(True)
    locator = dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(locator, zero_formats=_ZEROS, show_offset=False)
    axes.xaxis.set_major_formatter(formatter)
    axes.tick_params(labelbottom=is_last, length=0)
    if len(panel.lines) > 1 or panel.spans:
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))


def _draw_route(figure: Any, axes: Any, route: Route) -> None:
    longitudes = [longitude for longitude, _ in route.positions]
    latitudes = [latitude for _, latitude in route.positions]
    axes.plot(longitudes, latitudes, color=_GRID, lw=1, zorder=1)
    dots = axes.scatter(
        longitudes, latitudes, c=route.speeds, cmap="viridis_r", s=14, lw=0, zorder=2
    )
    figure.colorbar(dots, ax=axes, label="Speed (km/h)", shrink=0.8, pad=0.02)
    for index, text in ((0, "Start"), (-1, "End")):
        axes.annotate(
            text,
            route.positions[index],
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
        )
    middle = math.radians(sum(latitudes) / len(latitudes))
    axes.set_aspect(1 / math.cos(middle), adjustable="datalim")
    axes.set_xlabel("Longitude (°)")
    axes.set_ylabel("Latitude (°)")
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(nbins=4)
    axes.margins(0.15)
    axes.grid(color=_GRID, lw=0.6)
    axes.tick_params(length=0)
