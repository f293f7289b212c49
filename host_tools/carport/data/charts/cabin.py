"""The cabin: its temperature, the one outside, the one that was asked for, and the climate."""

from carport.data.archive import Archive
from carport.data.charts.chart import Chart, Panel, line_of, period, spans_of
from carport.errors import UsageError

CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
OUTSIDE = "Vehicle.Exterior.AirTemperature"
WISH = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"
IS_ON = "Vehicle.Cabin.HVAC.IsOn"


def cabin_chart(
    archive: Archive, since: float | None, until: float | None, regions: set[str]
) -> Chart:
    """Return the chart of the cabin in this time.

    Raises:
        UsageError: nothing of it was recorded.
    """
    rows = list(archive.rows(since, until, regions, group="climate"))
    cabin = line_of(rows, CABIN, "Cabin")
    lines = [cabin, line_of(rows, OUTSIDE, "Outside"), line_of(rows, WISH, "Set", is_wish=True)]
    if not cabin.pieces:
        raise UsageError(
            "no climate was recorded in that time: consent to climate, or choose another --since"
        )
    panel = Panel(
        "Temperature",
        "°C",
        [line for line in lines if line.pieces],
        spans_of(rows, IS_ON),
        "Climate on",
    )
    points = cabin.points()
    values = [value for _, value in points]
    subtitle = f"Cabin {min(values):.1f} to {max(values):.1f} °C"
    return Chart(f"Cabin, {period(points[0][0], points[-1][0])}", subtitle, [panel])
