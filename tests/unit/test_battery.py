"""The projection of docs/power.md, and what that page says of the firmware."""

import re
from pathlib import Path

import pytest

from carport.hardware import installed_boards
from carport.hardware.battery import (
    CAR_MA,
    DRAWS,
    INTERVALS_S,
    Draw,
    at_battery_ma,
    average_ma,
    days_until_half_empty,
    table,
)
from firmware import power

PAGE = (Path(__file__).parents[2] / "docs" / "power.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_that_is_computed() -> None:
    made = re.search(
        r"<!-- made of host_tools/carport/hardware/battery.py -->\n\n(.*?)<!-- end -->",
        PAGE,
        re.DOTALL,
    )
    assert made is not None
    assert made[1] == table()


def test_the_page_says_what_the_firmware_does() -> None:
    assert f"| below {power.LOW_MV / 1000:g} V |" in PAGE
    assert f"| 300 mV above that, {(power.LOW_MV + 300) / 1000:g} V |" in PAGE
    assert f"{power.INTERVAL_S // 60} min if you say nothing" in PAGE


def test_a_battery_of_40_ah_and_a_car_alone() -> None:
    assert days_until_half_empty(0) == pytest.approx(20_000 / CAR_MA / 24)
    assert days_until_half_empty(CAR_MA) == pytest.approx(days_until_half_empty(0) / 2)


def test_sleeping_is_between_awake_and_asleep_and_less_with_each_longer_interval() -> None:
    for draw in DRAWS.values():
        averages = [average_ma(draw, interval_s) for interval_s in (None, *INTERVALS_S)]
        assert averages[0] == draw.awake_ma
        assert averages == sorted(averages, reverse=True)
        assert averages[-1] > draw.asleep_ma


def test_a_share_of_the_time() -> None:
    assert average_ma(Draw("half", 10.0, 2.0), 65.0) == pytest.approx(6.0)


def test_a_converter_makes_less_current_of_more_voltage() -> None:
    assert at_battery_ma(40.0) == pytest.approx(40.0 * 5 / 12.5 / 0.8 + 5.0)


def test_named_boards_exist() -> None:
    assert set(DRAWS) - set(installed_boards()) == {"good", "poor"}
