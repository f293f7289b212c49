"""What every ECU of the simulated car does on the bus: rates, checksums, counters, seeds."""

import itertools

import pytest

from tests.car_rig import Rig, Sent, sealed

PERIODS_S = {
    "BODY_DoorStatus": 0.1,
    "BODY_WindowStatus": 0.5,
    "CLIM_Status": 0.2,
    "CLIM_Temperatures": 0.5,
    "BATT_Status": 0.5,
    "DRV_Status": 0.1,
    "DRV_Odometer": 1.0,
    "NAV_Latitude": 0.5,
    "NAV_Longitude": 0.5,
}


def on_body(sent: list[Sent], name: str) -> list[Sent]:
    return [each for each in sent if each.bus == "body" and each.name == name]


@pytest.mark.parametrize(("name", "period_s"), PERIODS_S.items())
def test_each_message_keeps_its_period_within_the_jitter(name: str, period_s: float) -> None:
    rig = Rig()
    rig.run(0.2)
    times = [each.time_s for each in on_body(rig.run(20), name)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) >= period_s * 0.979
    assert max(gaps) <= period_s * 1.021
    assert len({round(gap, 6) for gap in gaps}) > len(gaps) / 2


def test_everything_starts_within_100_ms() -> None:
    sent = Rig().run(0.1)
    assert {each.name for each in sent} == set(PERIODS_S)
    assert sent[0].time_s >= 0.03


def test_checksums_are_right_and_counters_count() -> None:
    rig = Rig()
    rig.run(10)
    for name in PERIODS_S:
        frame_id = rig.database.get_message_by_name(name).frame_id
        frames = on_body(rig.sent, name)
        assert all(each.data == sealed(frame_id, each.data) for each in frames)
        counters = [each.signals["Counter"] for each in frames]
        modulus = 256 if name.startswith(("DRV_", "NAV_")) else 16
        pairs = itertools.pairwise(counters)
        assert all((before + 1) % modulus == after for before, after in pairs)


def test_the_powertrain_bus_carries_the_same_drivetrain_frames_and_no_others() -> None:
    rig = Rig()
    rig.run(5)
    powertrain = [each for each in rig.sent if each.bus == "powertrain"]
    assert {each.name for each in powertrain} == {"DRV_Status", "DRV_Odometer"}
    body = [each for each in rig.sent if each.bus == "body" and each.name.startswith("DRV_")]
    assert [each.data for each in powertrain] == [each.data for each in body]


def test_a_change_is_sent_at_once_but_never_twice_within_20_ms() -> None:
    rig = Rig()
    rig.run(1)
    before_s = rig.now_s
    rig.set({"Vehicle.Body.Hood.IsOpen": True})
    rig.run(0.021)
    assert rig.last("BODY_DoorStatus")["HoodOpen"] == 1
    for is_open in (False, True) * 20:
        rig.set({"Vehicle.Body.Hood.IsOpen": is_open})
        rig.run(0.005)
    times = [each.time_s for each in on_body(rig.sent, "BODY_DoorStatus")]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len([time for time in times if time > before_s]) >= 8
    assert min(gaps) >= 0.0199


def test_equal_seeds_make_equal_cars() -> None:
    def trace(seed: int) -> list[Sent]:
        rig = Rig(seed)
        rig.run(2)
        rig.command("GW_BodyCommand", LockRequest="Lock")
        rig.ask("drive", kph=30, seconds=8)
        rig.run(10)
        return rig.sent

    assert trace(7) == trace(7)
    assert trace(7) != trace(8)


def test_after_a_jump_each_message_is_sent_once() -> None:
    rig = Rig()
    rig.run(1)
    rig.now_s += 30
    sent = [each for each in rig.run(0.09) if each.bus == "body"]
    assert sorted(each.name for each in sent) == sorted(PERIODS_S)
