"""The simulated body controller: doors, locks with motors, and which commands it takes."""

import can
import pytest

from tests.car_rig import Rig, command

LOCKS = ("LockFrontLeft", "LockFrontRight", "LockRearLeft", "LockRearRight", "LockTrunk")


def locks(rig: Rig) -> set[str]:
    status = rig.last("BODY_DoorStatus")
    return {str(status[name]) for name in LOCKS}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(1)
    return rig


def lock_frame(rig: Rig, counter: int, request: str = "Lock") -> can.Message:
    return command(rig.database, "GW_BodyCommand", counter, LockRequest=request)


def test_locks_move_for_about_300_ms_and_then_say_locked(rig: Rig) -> None:
    assert locks(rig) == {"Unlocked"}
    asked_s = rig.now_s
    rig.receive(lock_frame(rig, 1))
    status = [each for each in rig.run(1) if each.name == "BODY_DoorStatus"]
    moving = [each for each in status if "Moving" in each.signals.values()]
    assert moving[0].time_s - asked_s <= 0.02
    for lock in LOCKS:
        changes = [(each.time_s - asked_s, each.signals[lock]) for each in status]
        locked_s = next(time_s for time_s, position in changes if position == "Locked")
        assert 0.27 <= locked_s <= 0.36
        assert "Unlocked" not in {position for time_s, position in changes if time_s > 0.02}
    assert locks(rig) == {"Locked"}


def test_repeating_a_command_does_not_restart_the_motors(rig: Rig) -> None:
    rig.command("GW_BodyCommand", LockRequest="Lock")
    assert locks(rig) == {"Locked"}


def test_unlock_in_the_middle_of_locking_wins(rig: Rig) -> None:
    rig.receive(lock_frame(rig, 1))
    rig.run(0.1)
    rig.receive(lock_frame(rig, 2, "Unlock"))
    rig.run(0.25)
    assert locks(rig) == {"Moving"}
    rig.run(0.5)
    assert locks(rig) == {"Unlocked"}


def test_no_request_moves_nothing(rig: Rig) -> None:
    rig.command("GW_BodyCommand")
    assert locks(rig) == {"Unlocked"}


def test_a_wrong_checksum_is_ignored_and_counted(rig: Rig) -> None:
    good = lock_frame(rig, 1)
    for bit in range(64):
        message = lock_frame(rig, 1)
        message.data[bit // 8] ^= 1 << bit % 8
        rig.receive(message)
    rig.run(1)
    assert locks(rig) == {"Unlocked"}
    assert rig.ask("state")["ignored_commands"] == {"Body": 64, "Climate": 0}
    rig.receive(good)
    rig.run(1)
    assert locks(rig) == {"Locked"}


def test_a_repeated_counter_is_ignored_and_counted(rig: Rig) -> None:
    rig.receive(lock_frame(rig, 3))
    rig.run(1)
    rig.receive(lock_frame(rig, 3, "Unlock"))
    rig.run(1)
    assert locks(rig) == {"Locked"}
    assert rig.ask("state")["ignored_commands"]["Body"] == 1


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_short_command_is_ignored(rig: Rig, length: int) -> None:
    message = lock_frame(rig, 1)
    rig.receive(
        can.Message(
            arbitration_id=message.arbitration_id,
            is_extended_id=False,
            data=message.data[:length],
            channel="body",
        )
    )
    rig.run(1)
    assert locks(rig) == {"Unlocked"}
    assert rig.ask("state")["ignored_commands"]["Body"] == 1


def test_a_command_on_the_powertrain_bus_or_an_extended_id_is_not_for_the_body(rig: Rig) -> None:
    elsewhere = lock_frame(rig, 1)
    elsewhere.channel = "powertrain"
    extended = lock_frame(rig, 2)
    extended.is_extended_id = True
    rig.receive(elsewhere)
    rig.receive(extended)
    rig.run(1)
    assert locks(rig) == {"Unlocked"}
    assert rig.ask("state")["ignored_commands"]["Body"] == 0


def test_doors_and_windows_by_hand(rig: Rig) -> None:
    rig.set(
        {
            "Vehicle.Cabin.Door.Row2.PassengerSide.IsOpen": True,
            "Vehicle.Body.Trunk.Rear.IsOpen": True,
            "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position": 40,
            "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked": True,
        }
    )
    rig.run(1)
    status = rig.last("BODY_DoorStatus")
    assert [name for name, value in status.items() if name.endswith("Open") and value] == [
        "DoorRearRightOpen",
        "TrunkOpen",
    ]
    assert [status[name] for name in LOCKS] == ["Locked"] + ["Unlocked"] * 4
    assert rig.last("BODY_WindowStatus")["WindowFrontLeft"] == 40
