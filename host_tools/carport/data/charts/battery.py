"""The traction battery: its charge, and the current where the car tells it."""

from carport.data.archive import Archive
from carport.data.charts.chart import Chart, Panel, line_of, period
from carport.errors import UsageError

DISPLAYED = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"
CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"


def battery_chart(
    archive: Archive, since: float | None, until: float | None, regions: set[str]
) -> Chart:
    """Return the chart of the battery in this time.

    Raises:
        UsageError: nothing of it was recorded.
    """
    rows = list(archive.rows(since, until, regions, group="charging"))
    charge = line_of(rows, DISPLAYED, "Charge", is_filled=True)
    if not charge.pieces:
        charge = line_of(rows, CHARGE, "Charge", is_filled=True)
    if not charge.pieces:
        raise UsageError(
            "no charge was recorded in that time: consent to charging, or choose another --since"
        )
    panels = [Panel("Charge", "%", [charge], limits=(0.0, 100.0))]
    current = line_of(rows, CURRENT, "Current")
    if current.pieces:
        panels.append(Panel("Current", "A", [current]))
    points = charge.points()
    subtitle = f"{points[0][1]:.0f} % to {points[-1][1]:.0f} %"
    return Chart(f"Battery, {period(points[0][0], points[-1][0])}", subtitle, panels)
