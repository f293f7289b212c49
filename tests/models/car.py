"""A car as a model: its frames as cantools encodes them, when a test wants them."""

from functools import cache
from typing import Any

import cantools

from tests.differential.frames import protected
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
            "NAV_Latitude": {"Latitude": 48.1371234},
            "NAV_Longitude": {"Longitude": 11.5754321},
        }

    def lock(self, is_locked: bool) -> None:
        """Set all locks."""
        self.signals["BODY_DoorStatus"].update({lock: int(is_locked) for lock in LOCKS})

    def send(self, *names: str) -> None:
        """Send the named messages, all of them if none is named."""
        for name in names or self.signals:
            message = database().get_message_by_name(name)
            counter = self.counters.get(name, 0)
            maximum = message.get_signal_by_name("Counter").maximum
            self.counters[name] = (counter + 1) % (maximum + 1)
            data = message.encode({**self.signals[name], "CRC": 0, "Counter": counter})
            self.shell.receive_frame(message.frame_id, protected(message.frame_id, data))

    def run(self, duration_ms: int, *names: str) -> None:
        """Let time pass while the car sends the named messages each 100 ms."""
        for _ in range(duration_ms // 100):
            self.shell.advance(100)
            self.send(*names)


def decoded(transmission: Any) -> dict[str, Any]:
    """Return what cantools reads in a frame of the gateway."""
    message = database().get_message_by_frame_id(transmission.arbitration_id)
    if message.name != "NM_Gateway":
        assert transmission.data == protected(transmission.arbitration_id, transmission.data)
    return {"name": message.name, **message.decode(transmission.data)}
