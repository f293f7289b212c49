"""The simulated drivetrain: a drive out of Park and back into it."""

import itertools

import pytest

from tests.car_rig import Rig

CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"


def drive_frames(rig: Rig, seconds: float) -> list[tuple[float, str, float, str]]:
    return [
        (
            each.time_s,
            str(each.signals["Gear"]),
            float(each.signals["Speed"]),
            str(each.signals["PowerState"]),
        )
        for each in rig.run(seconds)
        if each.name == "DRV_Status" and each.bus == "body"
    ]


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(1)
    return rig


def test_a_drive_leaves_park_reaches_its_speed_and_comes_back(rig: Rig) -> None:
    kilometres = rig.last("DRV_Odometer")["Odometer"]
    begin_s = rig.now_s
    rig.ask("drive", kph=50, seconds=20)
    frames = drive_frames(rig, 25)
    driving = [each for each in frames if each[1] == "Drive"]
    assert driving[0][0] - begin_s <= 0.11
    assert driving[-1][0] - begin_s == pytest.approx(20, abs=0.11)
    assert {each[3] for each in driving} == {"On"}
    assert max(each[2] for each in frames) == pytest.approx(50, abs=0.01)
    assert all(each[2] == 0 for each in frames if each[1] == "Park")
    assert frames[-1][1:] == ("Park", 0.0, "Off")
    steps = itertools.pairwise(frames)
    assert all(abs(after[2] - before[2]) < 3.0 * 3.6 * 0.11 for before, after in steps)
    mps = 50 / 3.6
    metres = mps * 20 - mps**2 / 2 / 2.5 - mps**2 / 2 / 3.0
    assert rig.last("DRV_Odometer")["Odometer"] - kilometres == pytest.approx(
        metres / 1000, abs=0.002
    )


def test_a_short_drive_does_not_reach_its_speed_but_ends_in_park(rig: Rig) -> None:
    rig.ask("drive", kph=100, seconds=4)
    frames = drive_frames(rig, 5)
    assert 15 < max(each[2] for each in frames) < 30
    assert frames[-1][1:3] == ("Park", 0.0)


def test_stopping_brakes_before_park(rig: Rig) -> None:
    rig.ask("drive", kph=50, seconds=600)
    drive_frames(rig, 10)
    rig.ask("brake")
    frames = drive_frames(rig, 10)
    assert frames[0][1] == "Drive"
    assert 40 < frames[0][2] <= 50
    parked_s = next(time_s for time_s, gear, _, _ in frames if gear == "Park")
    assert parked_s - (rig.now_s - 10) == pytest.approx(50 / 3.6 / 3.0, abs=0.15)
    assert all(speed == 0 for time_s, _, speed, _ in frames if time_s >= parked_s)


def test_driving_draws_and_braking_gives_some_back(rig: Rig) -> None:
    before = rig.ask("state")["signals"][CHARGE]
    rig.ask("drive", kph=80, seconds=30)
    currents = [
        float(each.signals["Current"]) for each in rig.run(31) if each.name == "BATT_Status"
    ]
    assert min(currents) < -100
    assert max(currents) > 50
    assert rig.ask("state")["signals"][CHARGE] < before


def test_a_moving_car_cannot_begin_a_drive(rig: Rig) -> None:
    rig.ask("drive", kph=50, seconds=60)
    rig.run(5)
    assert "is moving" in rig.refused("drive", kph=30, seconds=10)["error"]
    rig.set({"Vehicle.Speed": 0})
    rig.ask("drive", kph=30, seconds=10)
    currents = [
        float(each.signals["Current"]) for each in rig.run(11) if each.name == "BATT_Status"
    ]
    assert max(map(abs, currents)) < 200


def test_setting_the_speed_takes_over_from_a_drive(rig: Rig) -> None:
    rig.ask("drive", kph=50, seconds=10)
    rig.run(3)
    rig.set({"Vehicle.Speed": 12.5, "Vehicle.Powertrain.Transmission.CurrentGear": -1})
    rig.run(20)
    assert rig.last("DRV_Status")["Speed"] == pytest.approx(12.5)
    assert rig.last("DRV_Status")["Gear"] == "Reverse"
