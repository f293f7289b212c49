"""When the simulated car sleeps, and what wakes it."""

import can
import pytest

from tests.car_rig import Rig, command, wake_request

LOCKED = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"


@pytest.fixture
def rig() -> Rig:
    """A car that fell asleep."""
    rig = Rig(sleep_after_s=10)
    rig.run(10.1)
    return rig


def is_awake(rig: Rig) -> bool:
    return bool(rig.ask("state")["is_awake"])


def test_the_untouched_car_sleeps_after_60_seconds() -> None:
    rig = Rig()
    sent = rig.run(3600)
    assert sent[-1].time_s == pytest.approx(60, abs=0.1)
    assert rig.car.next_s() is None


@pytest.mark.parametrize(
    "values",
    [
        {"Vehicle.Body.Trunk.Rear.IsOpen": True},
        {"Vehicle.LowVoltageSystemState": "ACC"},
        {"Vehicle.Cabin.HVAC.IsOn": True},
        {"Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling": 10},
        {"Vehicle.Speed": 5},
    ],
)
def test_what_is_in_use_keeps_it_awake(values: dict[str, object]) -> None:
    rig = Rig()
    rig.set(values)
    last_minutes = rig.run(300)
    assert last_minutes[-1].time_s == pytest.approx(300, abs=0.1)


def test_after_use_the_full_time_passes_before_it_sleeps() -> None:
    rig = Rig()
    rig.set({"Vehicle.Body.Hood.IsOpen": True})
    rig.run(100)
    rig.set({"Vehicle.Body.Hood.IsOpen": False})
    assert rig.run(100)[-1].time_s == pytest.approx(160, abs=0.1)


def test_the_wake_request_keeps_it_awake() -> None:
    rig = Rig(sleep_after_s=1)
    for _ in range(50):
        rig.receive(wake_request(rig.database))
        rig.run(0.1)
    assert is_awake(rig)
    assert rig.run(10)[-1].time_s == pytest.approx(5.9, abs=0.1)


def test_a_short_wake_request_does_not_count() -> None:
    rig = Rig(sleep_after_s=1)
    whole = wake_request(rig.database)
    short = can.Message(
        arbitration_id=whole.arbitration_id, is_extended_id=False, data=b"\x10", channel="body"
    )
    for _ in range(9):
        rig.receive(short)
        rig.run(0.1)
    rig.run(0.2)
    assert not is_awake(rig)


def test_other_frames_do_not_keep_it_awake() -> None:
    rig = Rig(sleep_after_s=1)
    stranger = can.Message(arbitration_id=0x7DF, is_extended_id=False, channel="body")
    for _ in range(9):
        rig.receive(stranger)
        rig.run(0.1)
    rig.run(0.2)
    assert not is_awake(rig)


@pytest.mark.parametrize("bus", ["body", "powertrain"])
@pytest.mark.parametrize("is_extended_id", [False, True])
def test_any_frame_wakes_it_and_all_ecus_send_within_100_ms(
    rig: Rig, bus: str, is_extended_id: bool
) -> None:
    assert rig.run(100) == []
    rig.receive(can.Message(arbitration_id=0x123, is_extended_id=is_extended_id, channel=bus))
    sent = rig.run(0.1)
    assert {each.name for each in sent} >= {"BODY_DoorStatus", "CLIM_Status", "DRV_Status"}
    assert sent[0].time_s - (rig.now_s - 0.1) >= 0.03


def test_the_waking_frame_is_lost_and_so_is_what_comes_before_the_ecu_has_started(
    rig: Rig,
) -> None:
    for counter in (1, 2, 3):
        rig.receive(command(rig.database, "GW_BodyCommand", counter, LockRequest="Lock"))
        rig.run(0.009)
    rig.run(0.5)
    assert rig.last("BODY_DoorStatus")["LockFrontLeft"] == "Unlocked"
    rig.receive(command(rig.database, "GW_BodyCommand", 4, LockRequest="Lock"))
    rig.run(0.5)
    assert rig.last("BODY_DoorStatus")["LockFrontLeft"] == "Locked"


def test_a_hand_wakes_it_and_the_weather_does_not(rig: Rig) -> None:
    rig.set({"outside_temperature": 30})
    rig.run(1)
    assert not is_awake(rig)
    rig.set({LOCKED: True})
    rig.run(1)
    assert rig.last("BODY_DoorStatus")["LockFrontLeft"] == "Locked"
    assert rig.last("CLIM_Temperatures")["OutsideTemperature"] == pytest.approx(30)


def test_it_remembers_while_asleep(rig: Rig) -> None:
    rig.set({LOCKED: True})
    rig.run(60)
    assert not is_awake(rig)
    rig.receive(wake_request(rig.database))
    rig.run(0.2)
    assert rig.last("BODY_DoorStatus")["LockFrontLeft"] == "Locked"


def test_a_counter_from_before_sleep_is_taken_after_it(rig: Rig) -> None:
    rig.set({"sleep_after": 1})
    for request, shown in (("Lock", "Locked"), ("Unlock", "Unlocked")):
        rig.receive(wake_request(rig.database))
        rig.run(0.2)
        rig.receive(command(rig.database, "GW_BodyCommand", 5, LockRequest=request))
        rig.run(0.6)
        assert rig.last("BODY_DoorStatus")["LockTrunk"] == shown
        rig.run(5)
        assert not is_awake(rig)
