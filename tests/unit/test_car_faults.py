"""Each fault of the simulated car, by the frames that it changes."""

import pytest

from carport.car.faults import FAULTS
from tests.car_rig import Rig, sealed

SENDERS = {"body": "BODY_", "climate": "CLIM_", "battery": "BATT_", "drivetrain": "DRV_"}
LOCKS = {
    "front-left": "LockFrontLeft",
    "front-right": "LockFrontRight",
    "rear-left": "LockRearLeft",
    "rear-right": "LockRearRight",
    "trunk": "LockTrunk",
}
OPEN = {
    "front-left": "DoorFrontLeftOpen",
    "front-right": "DoorFrontRightOpen",
    "rear-left": "DoorRearLeftOpen",
    "rear-right": "DoorRearRightOpen",
    "trunk": "TrunkOpen",
    "hood": "HoodOpen",
}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(1)
    return rig


@pytest.mark.parametrize(("ecu", "prefix"), SENDERS.items())
def test_a_silent_ecu_sends_nothing_until_cleared(rig: Rig, ecu: str, prefix: str) -> None:
    rig.ask("fault", name="silent", place=ecu)
    names = {each.name for each in rig.run(3)}
    assert {other for other in SENDERS.values() if any(n.startswith(other) for n in names)} == (
        set(SENDERS.values()) - {prefix}
    )
    rig.ask("clear", name="silent")
    assert any(each.name.startswith(prefix) for each in rig.run(1.1))


def test_a_silent_body_controller_obeys_nothing(rig: Rig) -> None:
    rig.ask("fault", name="silent")
    rig.command("GW_BodyCommand", LockRequest="Lock")
    rig.ask("clear")
    rig.run(1)
    assert rig.last("BODY_DoorStatus")["LockFrontLeft"] == "Unlocked"


@pytest.mark.parametrize(("place", "signal"), LOCKS.items())
def test_a_stuck_lock_shows_no_change_while_the_others_lock(
    rig: Rig, place: str, signal: str
) -> None:
    rig.ask("fault", name="stuck-lock", place=place)
    begin = len(rig.sent)
    rig.command("GW_BodyCommand", LockRequest="Lock")
    shown = {
        str(each.signals[signal]) for each in rig.sent[begin:] if each.name == "BODY_DoorStatus"
    }
    assert shown == {"Unlocked"}
    status = rig.last("BODY_DoorStatus")
    assert {status[each] for each in LOCKS.values() if each != signal} == {"Locked"}
    rig.ask("clear")
    rig.command("GW_BodyCommand", LockRequest="Lock")
    assert rig.last("BODY_DoorStatus")[signal] == "Locked"


@pytest.mark.parametrize(("place", "signal"), OPEN.items())
def test_a_door_ajar_reports_open_and_locks_still_report_their_state(
    rig: Rig, place: str, signal: str
) -> None:
    rig.ask("fault", name="door-ajar", place=place)
    rig.command("GW_BodyCommand", LockRequest="Lock")
    status = rig.last("BODY_DoorStatus")
    assert [each for each in OPEN.values() if status[each]] == [signal]
    assert {status[each] for each in LOCKS.values()} == {"Locked"}
    rig.ask("clear")
    rig.run(0.2)
    assert rig.last("BODY_DoorStatus")[signal] == 0


def test_a_low_battery_is_low_and_stops_the_climate_until_cleared(rig: Rig) -> None:
    charge = rig.last("BATT_Status")["StateOfCharge"]
    rig.command("GW_ClimateCommand", PowerRequest="On")
    rig.ask("fault", name="low-battery")
    rig.run(1)
    status = rig.last("BATT_Status")
    assert status["StateOfCharge"] == pytest.approx(4)
    assert status["LowVoltage"] == pytest.approx(11.4)
    assert rig.last("CLIM_Status")["Power"] == "Off"
    rig.ask("clear")
    rig.run(1)
    assert rig.last("BATT_Status")["StateOfCharge"] == pytest.approx(charge, abs=0.2)


@pytest.mark.parametrize(("ecu", "prefix"), SENDERS.items())
def test_wrong_checksums_of_one_ecu(rig: Rig, ecu: str, prefix: str) -> None:
    rig.ask("fault", name="wrong-checksums", place=ecu)
    for each in rig.run(2):
        frame_id = rig.database.get_message_by_name(each.name).frame_id
        is_right = each.data == sealed(frame_id, each.data)
        assert is_right != each.name.startswith(prefix)
    rig.ask("clear")
    for each in rig.run(2):
        frame_id = rig.database.get_message_by_name(each.name).frame_id
        assert each.data == sealed(frame_id, each.data)


@pytest.mark.parametrize(("ecu", "prefix"), SENDERS.items())
def test_frozen_counters_of_one_ecu(rig: Rig, ecu: str, prefix: str) -> None:
    rig.ask("fault", name="frozen-counters", place=ecu)
    sent = [each for each in rig.run(3.5) if each.bus == "body"]
    for name in {each.name for each in sent}:
        counters = {each.signals["Counter"] for each in sent if each.name == name}
        assert (len(counters) == 1) == name.startswith(prefix)


def test_a_faulty_climate_unit_says_so_and_does_nothing(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", PowerRequest="On", SeatHeatDriverRequest=40)
    rig.ask("fault", name="climate")
    rig.run(1)
    rig.command("GW_ClimateCommand", PowerRequest="On", FrontDefrostRequest="On")
    status = rig.last("CLIM_Status")
    assert (status["Power"], status["FanSpeed"], status["SeatHeatDriver"]) == ("Fault", 0, 0)
    assert status["FrontDefrostActive"] == 0
    rig.ask("clear")
    rig.run(1)
    assert rig.last("CLIM_Status")["Power"] == "Off"


def test_the_babbler_sends_the_gateways_id_in_bursts_until_cleared(rig: Rig) -> None:
    babbler = rig.car.babbler
    assert babbler.step(rig.now_s) == []
    rig.ask("fault", name="babbler")
    burst = babbler.step(rig.now_s)
    assert {(each.arbitration_id, each.channel) for each in burst} == {(0x200, "body")}
    assert rig.database.get_message_by_name("GW_BodyCommand").frame_id == 0x200
    assert len(burst) == 10
    assert babbler.step(rig.now_s) == []
    assert babbler.next_s() == pytest.approx(rig.now_s + 0.01)
    assert len(babbler.step(rig.now_s + 0.01)) == 10
    for message in burst:
        rig.receive(message)
    assert rig.ask("state")["ignored_commands"]["Body"] == len(burst)
    rig.ask("clear")
    assert babbler.next_s() is None
    assert babbler.step(rig.now_s + 1) == []


def test_every_fault_can_be_set_in_every_place_and_cleared(rig: Rig) -> None:
    for fault in FAULTS.values():
        for place in fault.places or ("",):
            rig.ask("fault", name=fault.name, place=place)
            assert rig.ask("state")["faults"] == [{"name": fault.name, "place": place}]
            assert rig.ask("clear", name=fault.name)["faults"] == []
    healthy = {each.name for each in rig.run(1.1)}
    assert len(healthy) == 9


def test_clearing_one_fault_leaves_the_others(rig: Rig) -> None:
    rig.ask("fault", name="door-ajar", place="hood")
    rig.ask("fault", name="stuck-lock", place="trunk")
    left = rig.ask("clear", name="stuck-lock")["faults"]
    assert left == [{"name": "door-ajar", "place": "hood"}]
