"""A car as a model: its frames as cantools encodes them, when a test wants them."""

from functools import cache
from typing import Any

import cantools

from gateway.can.crc8 import TABLE, start_of_frame
from tests.models.shell import PROFILES, Shell

CLOSED = {
    "DoorFrontLeftOpen": 0,
    "DoorFrontRightOpen": 0,
    "DoorRearLeftOpen": 0,
    "DoorRearRightOpen": 0,
    "TrunkOpen": 0,
    "HoodOpen": 0,
}
LOCKS = ("LockFrontLeft", "LockFrontRight", "LockRearLeft", "LockRearRight", "LockTrunk")


@cache
def database() -> Any:
    """Return the reference car's DBC."""
    return cantools.database.load_file(PROFILES / "reference" / "reference.dbc")


def checksum(arbitration_id: int, data: bytes) -> int:
    """Return the checksum of a frame whose first byte it is."""
    register = start_of_frame(arbitration_id)
    for byte in data[1:]:
        register = TABLE[register ^ byte]
    return register ^ 0xFF


class Car:
    """Sends the reference car's frames into a shell; `signals` holds what they say."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.counters: dict[str, int] = {}
        self.signals: dict[str, dict[str, Any]] = {
            "BODY_DoorStatus": {**CLOSED, **dict.fromkeys(LOCKS, 0)},
            "CLIM_Status": {
                "Power": 0,
                "AirConditioningActive": 0,
                "FrontDefrostActive": 0,
                "SetpointDriver": 20,
                "SetpointPassenger": 20,
                "FanSpeed": 0,
                "SeatHeatDriver": 0,
                "SeatHeatPassenger": 0,
            },
            "CLIM_Temperatures": {"CabinTemperature": 5.0, "OutsideTemperature": 2.0},
            "BATT_Status": {"StateOfCharge": 80, "Current": 0, "LowVoltage": 12.5},
            "DRV_Status": {"Gear": 0, "Speed": 0, "PowerState": 0},
            "DRV_Odometer": {"Odometer": 1234.5},
        }

    def lock(self, is_locked: bool) -> None:
        """Set all locks."""
        self.signals["BODY_DoorStatus"].update({lock: int(is_locked) for lock in LOCKS})

    def send(self, *names: str) -> None:
        """Send the named messages, all of them if none is named."""
        for name in names or self.signals:
            message = database().get_message_by_name(name)
            counter = self.counters.get(name, 0)
            self.counters[name] = (counter + 1) % 16
            signals = {**self.signals[name], "CRC": 0, "Counter": counter}
            data = bytearray(message.encode(signals))
            data[0] = checksum(message.frame_id, bytes(data))
            self.shell.receive_frame(message.frame_id, bytes(data))

    def run(self, duration_ms: int, *names: str) -> None:
        """Let time pass while the car sends the named messages each 100 ms."""
        for _ in range(duration_ms // 100):
            self.shell.advance(100)
            self.send(*names)


def decoded(transmission: Any) -> dict[str, Any]:
    """Return what cantools reads in a frame of the gateway."""
    message = database().get_message_by_frame_id(transmission.arbitration_id)
    assert transmission.data[0] == checksum(transmission.arbitration_id, transmission.data) or (
        message.name == "NM_Gateway"
    )
    return {"name": message.name, **message.decode(transmission.data)}
