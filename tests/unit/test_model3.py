"""The Model 3 through the core: its frames are shown, and every command is refused."""

from typing import Any

import cantools
import pytest
from cantools.database.can import Database

from gateway.can.received_message import BAD_CHECKSUM
from gateway.vehicle.state import VehicleState
from tests.models.host import Host
from tests.models.shell import PROFILES, Shell, profile

DATABASE = cantools.database.load_file(PROFILES / "model3" / "model3.dbc")
CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
SETPOINT = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"


def encode(name: str, **signals: Any) -> tuple[int, bytes]:
    """Return a frame as (id, data); what is not named is zero, and not in range if it must be."""
    assert isinstance(DATABASE, Database)
    message = DATABASE.get_message_by_name(name)
    wanted = message.encode(signals, strict=False, padding=False)
    return message.frame_id, wanted


def checked(arbitration_id: int, data: bytes) -> tuple[int, bytes]:
    """Return a frame with Tesla's checksum in its first byte."""
    total = (arbitration_id & 0xFF) + (arbitration_id >> 8) + sum(data[1:])
    return arbitration_id, bytes([total & 0xFF]) + data[1:]


@pytest.mark.parametrize(
    ("path", "command", "arguments"),
    [
        ("lock", "lock", {}),
        ("lock", "unlock", {}),
        ("climate", "climate", {"on": True}),
        ("climate", "climate", {"driver_temperature": 21}),
    ],
)
def test_every_command_is_refused_with_the_reason(
    path: str, command: str, arguments: dict[str, Any]
) -> None:
    shell = Shell(car="model3")
    host = Host.pair(shell)
    (answer,) = host.post(path, host.command(command, **arguments))
    assert answer.value["state"] == "refused"
    assert "a second sender of its ID" in answer.value["reason"]
    assert shell.sent == []


def test_it_can_send_nothing() -> None:
    assert profile("model3")["transmitted"] == []
    assert profile("model3")["wake"] is None


def test_the_frames_of_the_car_are_shown() -> None:
    state = VehicleState(profile("model3"))
    doors = encode("DoorsLeft", LatchFrontLeft="Ajar", LatchRearLeft="Closed")
    speed = checked(*encode("SpeedStatus", SpeedChecksum=0, SpeedCounter=3, Speed=50))
    gear = checked(*encode("DriveStatus", DriveChecksum=0, DriveCounter=1, Gear="Park"))
    climate = encode(
        "ClimateStatus",
        ClimatePage=0,
        CabinTemperature=19.5,
        BlowerLevel=3,
        AirConditioning=1,
        ClimatePower="Precondition",
    )
    setpoints = encode("ClimateSetpoints", SetpointPage=3, SetpointLeft=21.5, SetpointRight=19)
    for arbitration_id, data in (doors, speed, gear, climate, setpoints):
        assert state.receive(0, arbitration_id, False, data, 0) >= 0
    told = {path: state.value(state.leaf(path), 0) for path in state.paths}
    assert {path: value for path, value in told.items() if value is not None} == {
        "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": True,
        "Vehicle.Cabin.Door.Row2.DriverSide.IsOpen": False,
        CABIN: 19.5,
        "Vehicle.Cabin.HVAC.IsAirConditioningActive": True,
        "Vehicle.Cabin.HVAC.IsOn": True,
        SETPOINT: 21.5,
        "Vehicle.Cabin.HVAC.Station.Row1.Passenger.Temperature": 19.0,
        "Vehicle.Powertrain.Transmission.IsParkLockEngaged": True,
        "Vehicle.Speed": 50.0,
    }


def test_a_page_that_is_not_read_leaves_the_others_alone() -> None:
    state = VehicleState(profile("model3"))
    setpoints = encode("ClimateSetpoints", SetpointPage=3, SetpointLeft=21.5, SetpointRight=19)
    state.receive(0, *setpoints[:1], False, setpoints[1], 0)
    assert state.receive(0, setpoints[0], False, b"\x07" + bytes([255] * 7), 10) >= 0
    assert state.value(state.leaf(SETPOINT), 10) == 21.5


def test_a_wrong_checksum_is_refused() -> None:
    state = VehicleState(profile("model3"))
    arbitration_id, data = checked(
        *encode("SpeedStatus", SpeedCounter=3, SpeedChecksum=0, Speed=50)
    )
    for bit in range(64):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        assert state.receive(0, arbitration_id, False, bytes(bad), 0) == BAD_CHECKSUM, bit
    assert state.value(state.leaf("Vehicle.Speed"), 0) is None
