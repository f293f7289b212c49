"""`carport data plot`, and what the charts are made of."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from carport.data.archive import Archive, Sampled
from carport.data.block import Column, Group, Header, Row, Schema
from carport.data.charts.chart import line_of, spans_of
from carport.data.charts.terminal import draw_text
from carport.data.charts.trip import LATITUDE, LONGITUDE, ODOMETER, SPEED, trip_chart
from carport.errors import UsageError
from tests.unit.data.conftest import Owner

T0 = 1_800_000_000
CHAIN, BOOT = b"c" * 8, b"b" * 8


def numbers(*paths: str) -> list[Column]:
    return [Column(path, "double", None, Fraction(1, 100), None) for path in paths]


DRIVING = Group("driving", 10, numbers(SPEED, ODOMETER))
LOCATION = Group("location", 10, numbers(LATITUDE, LONGITUDE))
SCHEMA = Schema(1, "reference", [DRIVING, LOCATION])


def keep(archive: Archive, rows: list[Row], region: str = "DE") -> None:
    header = Header(1, CHAIN, 0, region, 1, BOOT, 0, rows[-1].at_ms, T0, b"")
    archive.keep(header, bytes(64), True, SCHEMA, rows)


def drive(first_s: int, seconds: int) -> list[Row]:
    """Return the rows of a drive: standing, at 36 km/h, standing."""
    rows = [Row(0, first_s * 1000, [0, 100_000])]
    for at_s in range(10, seconds, 10):
        at_ms = (first_s + at_s) * 1000
        rows.append(Row(0, at_ms, [3600, 100_000 + at_s]))
        rows.append(Row(1, at_ms, [4800 + at_s, 1100 + 2 * at_s]))
    return [*rows, Row(0, (first_s + seconds) * 1000, [0, 100_000 + seconds])]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive.db")


def test_the_last_drive_is_the_trip(archive: Archive) -> None:
    keep(archive, [*drive(0, 300), *drive(3600, 600)])

    chart = trip_chart(archive, None, None, {"DE"})

    assert chart.limits() == (T0 + 3600, T0 + 4200)
    assert chart.subtitle == "6.0 km, 10 min, at most 36 km/h"
    assert chart.route is not None
    assert chart.route.positions[0] == (11.2, 48.1)
    assert set(chart.route.speeds) == {36.0}
    first = trip_chart(archive, None, T0 + 3000, {"DE"})
    assert first.limits() == (T0, T0 + 300)


def test_a_short_stop_ends_no_trip(archive: Archive) -> None:
    keep(archive, [*drive(0, 300), *drive(600, 300)])
    assert trip_chart(archive, None, None, {"DE"}).limits() == (T0, T0 + 900)


def test_without_a_drive_there_is_no_trip(archive: Archive) -> None:
    with pytest.raises(UsageError, match="no drive was recorded"):
        trip_chart(archive, None, None, {"DE"})
    keep(archive, drive(0, 300), region="FR")
    with pytest.raises(UsageError, match="no drive was recorded"):
        trip_chart(archive, None, None, {"DE"})


def sampled(at_s: int, value: float | bool | None) -> Sampled:
    return Sampled((T0 + at_s) * 1000, "driving", 1, at_s * 1000, "DE", {SPEED: value})


def test_a_line_is_broken_where_nothing_is_known() -> None:
    known = [sampled(at_s, 1.0) for at_s in (0, 10, 20, 200, 210)]
    line = line_of([*known[:3], sampled(30, None), sampled(40, 2.0), *known[3:]], SPEED, "Speed")
    assert [len(piece) for piece in line.pieces] == [3, 1, 2]
    states = [sampled(at_s, at_s in (10, 20, 50)) for at_s in range(0, 60, 10)]
    assert spans_of(states, SPEED) == [(T0 + 10, T0 + 30)]


def test_a_chart_in_the_terminal_fits_and_has_its_scale(archive: Archive) -> None:
    keep(archive, drive(0, 600))
    chart = trip_chart(archive, None, None, {"DE"})
    for width in (40, 80, 120):
        lines = draw_text(chart, width, is_coloured=False).splitlines()
        assert max(map(len, lines)) <= width
    assert [line.split(" │")[0].strip() for line in lines if " │" in line][::6] == [
        "40",
        "20",
        "0",
    ]
    assert "\x1b" in draw_text(chart, 80, is_coloured=True)
    marks = sum(ord(char) > 0x2800 for line in lines for char in line if "⠀" <= char <= "⣿")
    assert marks > 100


@pytest.mark.parametrize("subject", ["trip", "cabin", "battery"])
def test_a_png_and_its_words(owner: Owner, subject: str) -> None:
    owner.consent("driving", "climate", "charging")
    owner.drive(130)

    said = owner.run("plot", subject, "-o", "chart.png")

    assert "Drew it into chart.png" in said
    png = Path("chart.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height > 600) == (1600, True)
    told = owner.told("plot", subject, "--offline")
    assert told["panels"][0]["lines"]
    assert "│" in owner.run("plot", subject, "--offline")


def test_nothing_to_draw_says_what_to_do(owner: Owner) -> None:
    owner.consent("driving")
    owner.drive(70)
    assert "consent to climate" in owner.run("plot", "cabin", exit_code=2)
    assert "consent to charging" in owner.run("plot", "battery", "--offline", exit_code=2)
    assert "give another" in owner.run("plot", "trip", "-o", "no/such.png", exit_code=2)
