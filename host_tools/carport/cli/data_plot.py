"""`carport data plot`."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.data_session import fetch_all
from carport.cli.data_words import past
from carport.cli.grants import end
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json

if TYPE_CHECKING:
    from carport.data.charts.chart import Chart

_SUBJECTS = ("trip", "cabin", "battery")
_RECENT_S = {"trip": None, "cabin": 86_400, "battery": 7 * 86_400}


@click.command()
@click.argument("subject", type=click.Choice(_SUBJECTS))
@click.option("--since", metavar="TIME", type=past, help="From then on: 7d, 12h, 2026-11-01.")
@click.option("--until", metavar="TIME", type=end, help="Up to then; a date is included.")
@click.option(
    "-o", "--output", metavar="FILE.png", type=click.Path(path_type=Path), help="Draw a PNG."
)
@click.option("--offline", "is_offline", is_flag=True, help="Only what this computer has already.")
@gateway_options
def plot(
    options: Options,
    subject: str,
    since: int | None,
    until: int | None,
    output: Path | None,
    is_offline: bool,
) -> None:
    """Draw what was recorded: here, or with -o as a PNG.

    \b
    trip     the last drive: its speed; in a PNG its route, if it was recorded
    cabin    the last day: temperatures, and when the climate control ran
    battery  the last week: charge and current

    A PNG needs pip install 'carport-gateway[export]'.

    \b
    Examples:
      carport data plot trip
      carport data plot cabin --since 3d -o cabin.png
      carport data plot battery --since 2026-11-01 --offline
    """
    from carport.client.known_gateways import find_gateway

    name = find_gateway(options.gateway).name
    if not is_offline:
        fetch_all(options)
    chart = _chart(name, subject, since, until)
    if output is not None:
        from carport.data.charts.png import draw_png

        draw_png(chart, output)
    if options.as_json:
        print_json(_as_json(chart, output))
    elif output is not None:
        click.echo(f"{chart.title}: {chart.subtitle}.\nDrew it into {output}.")
    else:
        from carport.data.charts.terminal import draw_text

        width = min(shutil.get_terminal_size().columns, 120)
        click.echo(draw_text(chart, width, is_coloured=sys.stdout.isatty()))


def _chart(name: str, subject: str, since: int | None, until: int | None) -> "Chart":
    import time

    from carport.data.charts.battery import battery_chart
    from carport.data.charts.cabin import cabin_chart
    from carport.data.charts.trip import trip_chart
    from carport.data.holdings import open_holdings

    draw = {"trip": trip_chart, "cabin": cabin_chart, "battery": battery_chart}[subject]
    with open_holdings(name) as holdings:
        allowed = holdings.regions.allowed(time.time())
        recent_s, last_s = _RECENT_S[subject], holdings.archive.summary().last_unix_s
        begin: float | None = since
        if begin is None and recent_s is not None and last_s is not None:
            begin = last_s - recent_s
        return draw(holdings.archive, begin, until, allowed)


def _as_json(chart: "Chart", output: Path | None) -> dict[str, Any]:
    return {
        "title": chart.title,
        "subtitle": chart.subtitle,
        "file": None if output is None else str(output),
        "panels": [
            {
                "label": panel.label,
                "unit": panel.unit,
                "lines": {line.label: line.pieces for line in panel.lines},
            }
            for panel in chart.panels
        ],
    }
