"""The simulated car with a clock that jumps, and a node on its bus that speaks like the gateway.

Checksums come from crccheck and frames are read with cantools, so nothing here trusts the car's
own code.
"""

from pathlib import Path
from typing import Any, NamedTuple

import can
import cantools.database
from cantools.autosar.end_to_end import apply_profile2_crc, apply_profile5_crc
from cantools.database.can import Database
from crccheck.crc import Crc8SaeJ1850  # type: ignore[import-untyped]

from carport.car.cars import make_car
from carport.car.requests import answer
from tests.differential.frames import E2E_2, E2E_5

PROFILE = Path(__file__).resolve().parent.parent / "gateway" / "profiles" / "reference"
NO_REQUEST = {
    "GW_BodyCommand": {"LockRequest": "NoRequest"},
    "GW_ClimateCommand": {
        "PowerRequest": "NoRequest",
        "FrontDefrostRequest": "NoRequest",
        "SetpointDriverRequest": "NoRequest",
        "SetpointPassengerRequest": "NoRequest",
        "SeatHeatDriverRequest": "NoRequest",
        "SeatHeatPassengerRequest": "NoRequest",
    },
}


class Sent(NamedTuple):
    """A frame of the car: when, on which bus, its DBC name, its data, and what they mean."""

    time_s: float
    bus: str
    name: str
    data: bytes
    signals: dict[str, Any]


def load_database() -> Database:
    """Return the reference profile's DBC."""
    database = cantools.database.load_file(PROFILE / "reference.dbc")
    assert isinstance(database, Database)
    return database


def sealed(arbitration_id: int, data: bytes) -> bytes:
    """Return the data with its checksum, by cantools' own E2E or by crccheck."""
    if arbitration_id in E2E_2:
        result = apply_profile2_crc(data, E2E_2[arbitration_id][data[1] & 15])
    elif arbitration_id in E2E_5:
        result = apply_profile5_crc(data, E2E_5[arbitration_id])
    else:
        covered = bytes((arbitration_id & 0xFF, arbitration_id >> 8)) + data[1:]
        result = bytearray((int(Crc8SaeJ1850.calc(covered)),)) + data[1:]
    assert result is not None
    return bytes(result)


def command(database: Database, name: str, counter: int, **signals: Any) -> can.Message:
    """Return a sound command frame of the gateway; what is not named stays as it is."""
    message = database.get_message_by_name(name)
    values = {"CRC": 0, "Counter": counter, **NO_REQUEST[name], **signals}
    return can.Message(
        arbitration_id=message.frame_id,
        is_extended_id=False,
        data=sealed(message.frame_id, message.encode(values)),
        channel="body",
    )


def wake_request(database: Database) -> can.Message:
    """Return the gateway's network management frame."""
    message = database.get_message_by_name("NM_Gateway")
    data = message.encode({"NodeAddress": 16, "WakeRequest": 1})
    return can.Message(
        arbitration_id=message.frame_id, is_extended_id=False, data=data, channel="body"
    )


class Rig:
    """A car, the time, everything that the car has sent, and what its button heard."""

    def __init__(self, seed: int = 1, **options: float) -> None:
        self.car = make_car(PROFILE, seed, **options)
        self.database = load_database()
        self.now_s = 0.0
        self.sent: list[Sent] = []
        self.presses_ms: list[int] = []
        self._counter = 0

    def run(self, seconds: float) -> list[Sent]:
        """Let time pass from event to event; return what the car sent meanwhile."""
        end_s = self.now_s + seconds
        first = len(self.sent)
        while True:
            for message in self.car.step(self.now_s):
                self._note(message)
            next_s = self.car.next_s()
            if self.now_s == end_s:
                return self.sent[first:]
            self.now_s = end_s if next_s is None else min(max(next_s, self.now_s), end_s)

    def jump(self, seconds: float) -> None:
        """Let time pass at once, then the frames of half a second."""
        self.now_s += seconds
        self.run(0.5)

    def command(self, name: str, **signals: Any) -> None:
        """Let the gateway send a command five times, 100 ms apart."""
        for _ in range(5):
            self._counter = (self._counter + 1) % 16
            self.receive(command(self.database, name, self._counter, **signals))
            self.run(0.1)

    def receive(self, message: can.Message) -> None:
        """Let the car hear a frame now."""
        self.car.receive(message, self.now_s)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request to the car; it must be able to."""
        reply = self.refused(do, **arguments)
        assert reply["ok"], reply
        return reply

    def refused(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request to the car, and return whatever it says."""
        return answer(self.car, {"do": do, **arguments}, self.presses_ms.append, self.now_s)

    def set(self, values: dict[str, Any]) -> None:
        """Set by VSS path or setting."""
        self.ask("set", values=values)

    def last(self, name: str) -> dict[str, Any]:
        """Return the signals of the last frame of this name."""
        return next(each.signals for each in reversed(self.sent) if each.name == name)

    def _note(self, message: can.Message) -> None:
        definition = self.database.get_message_by_frame_id(message.arbitration_id)
        data = bytes(message.data)
        decoded = definition.decode(data)
        assert isinstance(decoded, dict)
        signals = {
            name: str(value) if hasattr(value, "name") else value
            for name, value in decoded.items()
        }
        self.sent.append(Sent(self.now_s, str(message.channel), definition.name, data, signals))
