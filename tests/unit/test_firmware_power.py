"""The board's power modes, as their rules say; the same in MicroPython, where the VM is."""

from random import Random
from typing import Any

import pytest

from firmware.power import Power
from tests.vm import Both

STORED = {"mode": "stored", "interval_s": 900, "low_mv": 12_000}
REACHABLE = {"mode": "reachable", "interval_s": 900, "low_mv": 12_000}
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


class Board:
    """A board whose time is set; what it hears and measures are attributes."""

    def __init__(
        self, woken_by: str = "timer", is_forced: bool = False, settings: Any = STORED
    ) -> None:
        self.now_ms = 0
        self.settings = settings
        self.supply_mv: int | None = None
        self.heard_ms = 0
        self.asked_ms: int | None = None
        self.is_observed = self.is_held = False
        self.power = Power(woken_by, is_forced, 0)

    def look(self) -> bool:
        is_stored = self.power.look(self.settings, self.supply_mv, self.now_ms)
        return is_stored and self.power.may_sleep(
            self.heard_ms, self.asked_ms, self.is_observed, self.is_held, self.now_ms
        )

    def sleeps_within(self, duration_ms: int) -> int | None:
        """Look each second; return when it may sleep, None if not by then."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += SECOND
            if self.look():
                return self.now_ms
        return None


@pytest.mark.parametrize("settings", [REACHABLE, None, {"mode": "reachable"}])
def test_a_reachable_board_never_sleeps(settings: dict[str, Any] | None) -> None:
    board = Board(settings=settings)
    assert board.sleeps_within(5 * HOUR) is None
    assert board.power.describe(0) == {"mode": "reachable", "state": "reachable"}


@pytest.mark.parametrize(
    ("woken_by", "until_ms"),
    [("timer", MINUTE), ("bus", MINUTE), ("", 10 * MINUTE), ("button", 10 * MINUTE)],
)
def test_a_stored_board_stays_up_for_a_while_after_its_start(woken_by: str, until_ms: int) -> None:
    board = Board(woken_by)
    assert board.sleeps_within(HOUR) == until_ms
    assert board.power.describe(0) == {
        "mode": "stored",
        "state": "stored",
        "interval_s": 900,
        "awake_until_s": until_ms // 1000,
    }


def test_it_stays_for_somebody_who_asks_and_three_minutes_more() -> None:
    board = Board()
    board.now_ms = board.asked_ms = 50 * SECOND
    assert board.sleeps_within(HOUR) == 50 * SECOND + 3 * MINUTE


def test_it_stays_as_long_as_the_bus_or_the_cable_is_alive() -> None:
    board = Board()
    while board.now_ms < HOUR:
        board.heard_ms = board.now_ms
        assert board.sleeps_within(9 * SECOND) is None
    assert board.sleeps_within(HOUR) == board.heard_ms + 10 * SECOND


@pytest.mark.parametrize("name", ["is_held", "is_observed"])
def test_it_stays_as_long_as_something_holds_it(name: str) -> None:
    board = Board()
    setattr(board, name, True)
    assert board.sleeps_within(HOUR) is None
    setattr(board, name, False)
    assert board.sleeps_within(HOUR) is not None


def test_the_uptime_is_counted_from_the_start() -> None:
    power = Power("timer", False, 5000)
    assert power.look(STORED, None, 6000)
    power.may_sleep(5000, None, False, False, 6000)
    assert power.describe(5000)["awake_until_s"] == 60


def test_the_owners_choice_is_followed_at_once() -> None:
    board = Board(settings=REACHABLE)
    assert board.sleeps_within(HOUR) is None
    board.settings = STORED
    assert board.sleeps_within(2 * SECOND) == HOUR + SECOND


def test_a_low_battery_forces_it_to_sleep_after_a_minute() -> None:
    board = Board(settings=REACHABLE)
    board.supply_mv = 12_000
    assert board.sleeps_within(HOUR) is None
    assert board.power.describe(0)["supply_mv"] == 12_000
    board.supply_mv = 11_999
    assert board.sleeps_within(HOUR) == HOUR + 61 * SECOND
    assert board.power.describe(0) == {
        "mode": "reachable",
        "state": "stored",
        "supply_mv": 11_999,
        "interval_s": 3600,
        "awake_until_s": 60,
        "forced": True,
    }


def test_cranking_does_not_force_it() -> None:
    board = Board(settings=REACHABLE)
    for _ in range(10):
        board.supply_mv = 8_000
        assert board.sleeps_within(59 * SECOND) is None
        board.supply_mv = 12_600
        assert board.sleeps_within(2 * SECOND) is None
    assert not board.power.is_forced


def test_it_is_free_again_300_mv_above_for_a_minute() -> None:
    board = Board(is_forced=True, settings=REACHABLE)
    board.is_held = True
    board.supply_mv = 12_299
    board.sleeps_within(HOUR)
    assert board.power.is_forced
    board.supply_mv = 12_300
    board.sleeps_within(60 * SECOND)
    assert board.power.is_forced
    board.sleeps_within(2 * SECOND)
    assert not board.power.is_forced
    board.is_held = False
    assert board.sleeps_within(HOUR) is None


def test_a_battery_that_was_charged_meanwhile_is_watched_for_a_minute() -> None:
    board = Board(is_forced=True, settings=REACHABLE)
    board.supply_mv = 12_100
    assert board.sleeps_within(50 * SECOND) is None
    board.supply_mv = 12_800
    assert board.sleeps_within(HOUR) is None
    assert board.power.describe(0)["state"] == "reachable"


def test_a_board_that_woke_with_a_low_battery_sleeps_after_its_first_minute() -> None:
    board = Board(woken_by="button", is_forced=True, settings=REACHABLE)
    board.supply_mv = 12_100  # above the threshold, below the way back
    assert board.sleeps_within(HOUR) == MINUTE


def test_a_low_battery_does_not_wait_for_requests_and_observers() -> None:
    board = Board(woken_by="", is_forced=True)
    board.supply_mv = 11_000
    board.is_observed = True
    board.asked_ms = 59 * SECOND
    assert board.sleeps_within(HOUR) == MINUTE


def test_even_a_low_battery_waits_for_what_must_not_be_cut_off_and_for_a_living_bus() -> None:
    board = Board(is_forced=True)
    board.supply_mv = 11_000
    board.is_held = True
    assert board.sleeps_within(HOUR) is None
    board.is_held = False
    board.heard_ms = board.now_ms
    assert board.sleeps_within(HOUR) == board.heard_ms + 10 * SECOND


def test_a_board_that_cannot_measure_knows_no_voltage_and_forces_nothing() -> None:
    board = Board(is_forced=True, settings=REACHABLE)
    assert board.sleeps_within(HOUR) is None
    assert board.power.describe(0) == {"mode": "reachable", "state": "reachable"}


def test_a_long_interval_of_the_owners_is_kept_when_forced() -> None:
    board = Board(is_forced=True, settings={"mode": "stored", "interval_s": 7200})
    board.supply_mv = 11_000
    board.look()
    assert board.power.interval_s == 7200


def test_without_settings_of_its_own_half_empty_is_low() -> None:
    board = Board(settings=None)
    board.supply_mv = 12_200
    assert board.sleeps_within(HOUR) is None
    board.supply_mv = 12_199
    assert board.sleeps_within(HOUR) is not None


def test_a_hurried_board_is_as_patient_by_that_much_less() -> None:
    power = Power("timer", False, 0, pace=60)
    assert power.look(STORED, None, 999)
    assert not power.may_sleep(0, None, False, False, 999)
    assert power.may_sleep(0, None, False, False, 1000)


@pytest.mark.parametrize("seed", range(4))
def test_micropython_decides_alike(both: Both, seed: int) -> None:
    random = Random(seed)
    now_ms = 0
    looks = []
    for _ in range(200):
        now_ms += random.choice([SECOND, 20 * SECOND, 5 * MINUTE])
        settings = random.choice([STORED, REACHABLE, None])
        supply_mv = random.choice([None, 11_900, 12_100, 12_700])
        asked_ms = random.choice([None, now_ms - MINUTE])
        is_observed, is_held = random.random() < 0.1, random.random() < 0.1
        heard_ms = now_ms - random.choice([0, 9, 11]) * SECOND
        looks.append([[settings, supply_mv], [heard_ms, asked_ms, is_observed, is_held], now_ms])
    told = both("tests.differential.power", "walk", "bus", False, looks)
    assert {(True, True), (True, False), (False, False)} <= {tuple(each) for each in told[::2]}


def test_micropython_keeps_alike(both: Both) -> None:
    for now_s in (812_345_678, 812_999_999, 0):
        both("tests.differential.power", "keep", True, 1_790_000_000, 812_345_678, now_s)
