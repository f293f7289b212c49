"""The car's state: what is known, since when, from which frame, and what changed."""

from pathlib import Path

import pytest

from carport.profile import compile_profile, compile_to_file
from gateway.can.received_message import (
    BAD_CHECKSUM,
    REPEATED_COUNTER,
    UNKNOWN_ID,
    WRONG_LENGTH,
    WRONG_SEQUENCE,
)
from gateway.vehicle.state import VehicleState
from tests.differential.frames import reference_frame
from tests.vm import run_script

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"

PROFILE = compile_profile(REFERENCE)
ODD_PROFILE = compile_profile(ODD)

DOORS = 0x100
CLIMATE = 0x110
TEMPERATURES = 0x111
DRIVE = 0x130
DOORS_TIMEOUT_MS = 500

HOOD = "Vehicle.Body.Hood.IsOpen"
DRIVER_DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
DRIVER_LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
SETPOINT = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"
CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
SPEED = "Vehicle.Speed"
IGNITION = "Vehicle.LowVoltageSystemState"
GEAR = "Vehicle.Powertrain.Transmission.CurrentGear"
PARKED = "Vehicle.Powertrain.Transmission.IsParkLockEngaged"


class Sender:
    """Sends the reference car's frames to a state, each message with its own counter."""

    def __init__(self) -> None:
        self.state = VehicleState(PROFILE)
        self.counters: dict[int, int] = {}

    def send(self, arbitration_id: int, data: str, now_ms: int = 0) -> int:
        """Send data (hexadecimal, from byte 1 on), and return what `receive` does."""
        counter = self.counters.get(arbitration_id, 0)
        self.counters[arbitration_id] = (counter + 1) % 16
        payload = bytes(1) + bytes.fromhex(data).ljust(7, b"\0")
        frame = reference_frame(arbitration_id, counter, payload)
        return self.state.receive(0, arbitration_id, False, frame, now_ms)

    def value(self, path: str, now_ms: int = 0) -> object:
        return self.state.value(self.state.leaf(path), now_ms)


def test_nothing_is_known_at_first() -> None:
    state = VehicleState(PROFILE)
    for leaf in range(len(state.paths)):
        assert state.value(leaf, 0) is None
        assert state.received_ms(leaf) is None
        assert state.age_ms(leaf, 0) is None
    assert state.bus_heard_ms(0) is None


def test_paths_are_sorted_and_found() -> None:
    state = VehicleState(PROFILE)
    assert state.paths == sorted(state.paths)
    assert [state.leaf(path) for path in state.paths] == list(range(len(state.paths)))
    assert state.leaf("Vehicle.Nothing") == -1
    assert state.unit(state.leaf(SPEED)) == "km/h"
    assert state.unit(state.leaf(HOOD)) is None
    assert state.bus_name(0) == "body"


def test_values_of_each_kind() -> None:
    car = Sender()
    assert car.send(DOORS, "00 20 01") == 0
    assert car.value(HOOD) is True
    assert car.value(DRIVER_DOOR) is False
    assert car.value(DRIVER_LOCK) is True
    car.send(CLIMATE, "00 2b")
    assert car.value(SETPOINT) == 21.5
    car.send(TEMPERATURES, "00 65 02")
    assert car.value(CABIN) == 21.3  # 613 * 0.1 - 40 is 21.300000000000004 in floats
    car.send(DRIVE, "00 00 21 10 27")
    assert (car.value(SPEED), car.value(IGNITION)) == (100.0, "ON")
    assert type(car.value(SPEED)) is float
    assert (car.value(GEAR), car.value(PARKED)) == (-1, False)


@pytest.mark.parametrize(
    ("arbitration_id", "data", "path"),
    [
        (DRIVE, "00 00 00 ff ff", SPEED),  # SNA
        (DRIVE, "00 00 00 31 75", SPEED),  # 300.01 km/h, beyond the DBC's range
        (CLIMATE, "00 ff", SETPOINT),  # SNA
        (CLIMATE, "00 1f", SETPOINT),  # 15.5 degrees, below it
        (DOORS, "00 00 02", DRIVER_LOCK),  # Moving
        (DOORS, "00 00 03", DRIVER_LOCK),  # SNA
        (DRIVE, "00 00 00", GEAR),  # Park is no gear
        (DRIVE, "00 00 04", PARKED),  # a value without a name
        (DRIVE, "00 00 07", PARKED),  # SNA
    ],
)
def test_what_has_no_meaning_is_not_known(arbitration_id: int, data: str, path: str) -> None:
    car = Sender()
    assert car.send(arbitration_id, data) >= 0
    assert car.value(path) is None
    assert car.state.received_ms(car.state.leaf(path)) == 0


def test_a_value_goes_stale_and_its_age_goes_on() -> None:
    car = Sender()
    car.send(DOORS, "00 20", now_ms=1000)
    hood = car.state.leaf(HOOD)
    assert car.value(HOOD, 1000 + DOORS_TIMEOUT_MS) is True
    assert car.value(HOOD, 1001 + DOORS_TIMEOUT_MS) is None
    assert car.state.age_ms(hood, 1001 + DOORS_TIMEOUT_MS) == 1 + DOORS_TIMEOUT_MS
    assert car.state.received_ms(hood) == 1000


def test_evidence_is_the_frame_itself() -> None:
    car = Sender()
    car.send(DOORS, "00 20 55")
    frame = reference_frame(DOORS, 0, bytes.fromhex("0000205500000000"))
    told = car.state.frame_of(car.state.leaf(HOOD))
    assert told == (0, DOORS, frame)
    car.send(DOORS, "00 00 00")
    assert told == (0, DOORS, frame)


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_the_callers_buffer_may_be_reused(view: type) -> None:
    state = VehicleState(PROFILE)
    buffer = bytearray(reference_frame(DOORS, 0, bytes.fromhex("0000200000000000")))
    assert state.receive(0, DOORS, False, view(buffer), 0) == 0
    buffer[2] = 0
    assert state.value(state.leaf(HOOD), 0) is True


def test_each_refusal_has_its_status_and_counter_and_changes_nothing() -> None:
    car = Sender()
    state = car.state
    group = state.add_group(list(range(len(state.paths))))
    car.send(DOORS, "00 20", now_ms=10)
    before = (state.group_version(group), state.frame_of(state.leaf(HOOD)))
    good = reference_frame(DOORS, 1, bytes(8))
    refused = [
        (0x7FF, False, good, UNKNOWN_ID),
        (DOORS, True, good, UNKNOWN_ID),
        (DOORS, False, good[:7], WRONG_LENGTH),
        (DOORS, False, good[:7] + b"\x01", BAD_CHECKSUM),
        (DOORS, False, reference_frame(DOORS, 0, bytes(8)), REPEATED_COUNTER),
        (DOORS, False, reference_frame(DOORS, 14, bytes(8)), WRONG_SEQUENCE),
    ]
    for now_ms, (arbitration_id, is_extended_id, data, status) in enumerate(refused, start=20):
        assert state.receive(0, arbitration_id, is_extended_id, data, now_ms) == status
        assert state.bus_heard_ms(0) == now_ms
    assert state.value(state.leaf(HOOD), 30) is True
    assert state.received_ms(state.leaf(HOOD)) == 10
    assert (state.group_version(group), state.frame_of(state.leaf(HOOD))) == before
    assert state.counters == {
        "accepted": 1,
        "unknown_id": 2,
        "wrong_length": 1,
        "bad_checksum": 1,
        "repeated_counter": 1,
        "wrong_sequence": 1,
        "lost": 0,
    }


def test_lost_frames_are_counted() -> None:
    car = Sender()
    car.send(DOORS, "")
    car.counters[DOORS] = 4
    assert car.send(DOORS, "") == 0
    assert car.state.counters["lost"] == 3


def test_a_group_notices_every_change_of_its_leaves_and_no_other() -> None:
    car = Sender()
    state = car.state
    mixed = state.add_group([state.leaf(path) for path in (HOOD, DRIVER_LOCK, SETPOINT, GEAR)])
    hood = state.add_group([state.leaf(HOOD)])
    state.add_group([state.leaf(DRIVER_DOOR)])
    versions = [(state.group_version(hood), state.group_version(mixed))]

    def after(arbitration_id: int, data: str) -> tuple[bool, bool]:
        car.send(arbitration_id, data)
        versions.append((state.group_version(hood), state.group_version(mixed)))
        return versions[-1][0] != versions[-2][0], versions[-1][1] != versions[-2][1]

    assert after(DOORS, "00 00 00") == (True, True)  # known at last
    assert after(DOORS, "00 00 00") == (False, False)  # only counter and checksum differ
    assert after(DOORS, "00 20 00") == (True, True)
    assert after(DOORS, "00 20 01") == (False, True)
    assert after(DOORS, "00 3f fd") == (False, False)  # other doors, other locks
    assert after(CLIMATE, "00 2b") == (False, True)
    assert after(CLIMATE, "f0 2b 30") == (False, False)  # in the counter's byte
    assert after(DRIVE, "00") == (False, True)
    assert after(DRIVE, "00 00 01") == (False, True)
    assert after(DRIVE, "00 00 01 01") == (False, False)


def test_a_group_notices_that_an_overdue_leaf_is_back() -> None:
    car = Sender()
    group = car.state.add_group([car.state.leaf(HOOD)])
    car.send(DOORS, "00 20", now_ms=0)
    version = car.state.group_version(group)
    car.send(DOORS, "00 20", now_ms=DOORS_TIMEOUT_MS)
    assert car.state.group_version(group) == version
    car.send(DOORS, "00 20", now_ms=1 + 2 * DOORS_TIMEOUT_MS)
    assert car.state.group_version(group) != version


def test_a_group_tells_when_it_will_know_less() -> None:
    car = Sender()
    state = car.state
    group = state.add_group([state.leaf(HOOD), state.leaf(SETPOINT)])
    assert state.group_expires_ms(group, 0) is None
    car.send(CLIMATE, "00 2b", now_ms=0)
    car.send(DOORS, "", now_ms=100)
    assert state.group_expires_ms(group, 100) == 101 + DOORS_TIMEOUT_MS
    assert car.value(HOOD, 100 + DOORS_TIMEOUT_MS) is False
    assert car.value(HOOD, 101 + DOORS_TIMEOUT_MS) is None
    assert state.group_expires_ms(group, 101 + DOORS_TIMEOUT_MS) == 1001
    assert state.group_expires_ms(group, 1001) is None


def test_multiplexed_leaves_have_their_own_age_and_evidence() -> None:
    state = VehicleState(ODD_PROFILE)
    pressure, torque = (state.leaf("Vehicle.Odd." + name) for name in ("Pressure", "Torque"))
    always = state.leaf("Vehicle.Odd.Always")
    group = state.add_group([torque])
    zero, one = b"\x20" + bytes(7), b"\x41" + bytes(7)
    state.receive(0, 0x100, False, zero, 0)
    assert (state.value(pressure, 0), state.value(torque, 0)) == (-5.0, None)
    assert state.group_version(group) == 0
    state.receive(0, 0x100, False, one, 600)
    assert (state.value(always, 600), state.value(torque, 600)) == (2, 0.0)
    assert (state.received_ms(pressure), state.received_ms(torque)) == (0, 600)
    assert (state.frame_of(pressure)[2], state.frame_of(always)[2]) == (zero, one)
    assert state.value(pressure, 1001) is None
    assert state.group_version(group) == 1


def test_buses_are_apart() -> None:
    state = VehicleState(ODD_PROFILE)
    assert state.receive(1, 0x101, False, b"\x10\0\0", 5) == 3
    assert (state.bus_heard_ms(0), state.bus_heard_ms(1)) == (None, 5)
    assert state.receive(1, 0x100, False, bytes(8), 6) == UNKNOWN_ID
    assert state.receive(0, 0x101, False, b"\x10\0\0", 6) == WRONG_LENGTH


@pytest.mark.usefixtures("vm")
def test_receiving_allocates_nothing(tmp_path: Path) -> None:
    files = [str(compile_to_file(folder, tmp_path)) for folder in (REFERENCE, ODD)]
    script = REPOSITORY / "tests" / "differential" / "measure_receiving.py"
    told = dict(line.split(" ", 1) for line in run_script(script, args=files).splitlines())
    status, allocated, locked, quiet = told.pop("control").split()
    assert int(allocated) > 0
    assert (status, locked, quiet) == ("-1", "MemoryError", "collected")
    assert told == {
        "accepted": "0 0 ok ok",
        "j1850": "2 0 ok ok",
        "e2e_5": "5 0 ok ok",
        "changed": "0 0 ok ok",
        "overdue": "0 0 ok ok",
        "skipped": "0 0 ok ok",
        "multiplexed": "0 0 ok ok",
        "extended": "2 0 ok ok",
        "unknown": "-1 0 ok ok",
        "long": "-2 0 ok ok",
        "short": "-2 0 ok ok",
        "checksum": "-3 0 ok ok",
        "repeated": "-4 0 ok ok",
        "sequence": "-5 0 ok ok",
        "past_end": "-5 0 ok ok",
    }
