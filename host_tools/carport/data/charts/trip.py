"""A trip: the last drive in a time, from standstill to standstill, and where it went."""

from bisect import bisect_right

from carport.data.archive import Archive
from carport.data.charts.chart import Chart, Line, Panel, Point, Route, line_of, period
from carport.errors import UsageError

SPEED = "Vehicle.Speed"
LATITUDE = "Vehicle.CurrentLocation.Latitude"
LONGITUDE = "Vehicle.CurrentLocation.Longitude"
ODOMETER = "Vehicle.TraveledDistance"

_STOP_S = 600.0  # what stands longer has arrived


def trip_chart(
    archive: Archive, since: float | None, until: float | None, regions: set[str]
) -> Chart:
    """Return the chart of the last trip that lies in this time.

    Raises:
        UsageError: there is none.
    """
    driving = list(archive.rows(since, until, regions, group="driving"))
    speed = line_of(driving, SPEED, "Speed", is_filled=True)
    first_s, last_s = _last_trip(speed.points())
    pieces = [
        [point for point in piece if first_s <= point[0] <= last_s] for piece in speed.pieces
    ]
    shown = Line("Speed", [piece for piece in pieces if piece], is_filled=True)
    odometer = [
        point for point in line_of(driving, ODOMETER, "").points() if first_s <= point[0] <= last_s
    ]
    route = _route(archive, first_s, last_s, regions, shown.points())
    subtitle = _summary(shown.points(), odometer)
    panel = Panel("Speed", "km/h", [shown])
    return Chart(f"Trip on {period(first_s, last_s)}", subtitle, [panel], route)


def _last_trip(points: list[Point]) -> Point:
    """Return when the last drive began and ended."""
    first_s = last_s = None
    for index in range(len(points) - 1, -1, -1):
        time_s, kph = points[index]
        if kph <= 0:
            continue
        if last_s is None:
            last_s = points[min(index + 1, len(points) - 1)][0]
        elif first_s is not None and first_s - time_s > _STOP_S:
            break
        first_s = points[max(index - 1, 0)][0]
    if first_s is None or last_s is None:
        raise UsageError(
            "no drive was recorded in that time: consent to driving, choose another --since, or "
            "try again in a minute if it has just ended"
        )
    return first_s, last_s


def _route(
    archive: Archive, first_s: float, last_s: float, regions: set[str], speeds: list[Point]
) -> Route | None:
    """Return the route, None if it was not recorded, or too coarsely to be one."""
    rows = list(archive.rows(first_s, last_s + 0.001, regions, group="location"))
    latitudes = line_of(rows, LATITUDE, "").points()
    longitudes = dict(line_of(rows, LONGITUDE, "").points())
    times = [time for time, _ in speeds]
    positions, along = [], []
    for time_s, latitude in latitudes:
        if time_s in longitudes:
            positions.append((longitudes[time_s], latitude))
            along.append(speeds[max(0, bisect_right(times, time_s) - 1)][1])
    return Route(positions, along) if len(set(positions)) > 2 else None


def _summary(speeds: list[Point], odometer: list[Point]) -> str:
    minutes = (speeds[-1][0] - speeds[0][0]) / 60
    duration = f"{minutes:.0f} min" if minutes >= 1 else f"{minutes * 60:.0f} s"
    parts = [duration, f"at most {max(kph for _, kph in speeds):.0f} km/h"]
    if odometer:
        parts.insert(0, f"{odometer[-1][1] - odometer[0][1]:.1f} km")
    return ", ".join(parts)
