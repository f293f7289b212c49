"""The profile's decoder: what a frame tells is what cantools reads in it, whatever came before.

An input chooses a car, then frames: of a message of the car, with the counter and the checksum
right or not, or with any id. A frame that is accepted is held against cantools; one that is
refused must change nothing; one that has all right must be accepted.
"""

from functools import cache
from math import isclose
from pathlib import Path
from typing import Any

from cantools.database.can import Message

from carport.car.cars import make_car
from carport.profile import compile_profile
from gateway import cbor
from gateway.can.received_message import OUTCOMES, WRONG_SEQUENCE
from gateway.resources.signals import Selection
from gateway.vehicle.state import VehicleState
from tests.fuzz.choices import Choices
from tests.models.shell import PROFILES
from tests.property.oracle import Oracle, get_bits, put_bits

MODULES = (
    "gateway/can/last_payload.py",
    "gateway/can/protection.py",
    "gateway/can/received_message.py",
    "gateway/can/signal.py",
    "gateway/vehicle/state.py",
    "gateway/resources/signals.py",
)

ODD_CAR = Path(__file__).resolve().parents[2] / "differential" / "odd_car"
NAMES = ("reference", "leaf-2013", "leaf-2016", "leaf-2018", "model3")
FOLDERS = (ODD_CAR, *(PROFILES / name for name in NAMES))

MAX_FRAMES = 40
MAX_RECORD_BYTES = 128  # of one leaf's record: a path, a unit, a value and an age
COUNT_RIGHT, CHECKSUM_RIGHT, LENGTH_WRONG, WHICH = 0x20, 0x40, 0x80, 0x1F
NAME, VALUES, TIME, BASE = 0, (2, 3, 4), 6, -2  # labels of RFC 8428 section 6


@cache
def known(folder: Path) -> tuple[dict[str, Any], Oracle]:
    """Return a car's compiled profile, and its DBC as cantools reads it."""
    return compile_profile(folder), Oracle(folder, seed=0)


class Listener:
    """A car's state that hears an input's frames."""

    def __init__(self, folder: Path) -> None:
        profile, self.oracle = known(folder)
        self.oracle.told = {}
        self.state = VehicleState(profile)
        self.buses = len(profile["buses"])
        self.leaves = list(range(len(self.state.paths)))
        self.group = self.state.add_group(self.leaves)
        self.by_id = {
            (bus, message.frame_id, message.is_extended_frame): message
            for bus, message in self.oracle.messages
        }
        self.counts: dict[str, int] = {}
        self.received_ms: dict[str, int] = {}
        self.now_ms = 0

    def hear(self, choices: Choices) -> None:
        """Hear the next frame."""
        what = choices.byte()
        self.now_ms += 10 * choices.byte()
        which = what & WHICH
        if which >= len(self.oracle.messages):
            arbitration_id = choices.number(2)
            bus, is_extended_id = arbitration_id % self.buses, arbitration_id >= 0x8000
            data = choices.exactly(choices.byte() % 9)
            self.receive(bus, arbitration_id & 0x7FF, is_extended_id, data, False)
            return
        bus, message = self.oracle.messages[which]
        data = choices.exactly(message.length)
        if what & COUNT_RIGHT:
            data = self.counted(message, data)
        if what & CHECKSUM_RIGHT:
            data = self.oracle.checked(message, data)
        if what & LENGTH_WRONG:
            data = data[:-1]
        is_right = what & ~WHICH == COUNT_RIGHT | CHECKSUM_RIGHT
        self.receive(bus, message.frame_id, message.is_extended_frame, data, is_right)

    def counted(self, message: Message, data: bytes) -> bytes:
        """Return data with the counter that comes next."""
        buffer = bytearray(data)
        for signal in counters(message):
            put_bits(buffer, signal, self.counts.get(message.name, 0))
        return bytes(buffer)

    def receive(
        self, bus: int, arbitration_id: int, is_extended_id: bool, data: bytes, is_right: bool
    ) -> None:
        """Give the state a frame, and hold it to what it then tells."""
        message = self.by_id.get((bus, arbitration_id, is_extended_id))
        before = self.values(message)
        version = self.state.group_version(self.group)
        status = self.state.receive(bus, arbitration_id, is_extended_id, data, self.now_ms)
        assert -len(OUTCOMES) < status < len(self.by_id), "no status"
        assert status >= 0 or not is_right, "a frame that has all right is refused"
        if message is None or len(data) != message.length:
            assert status < 0, "a frame is accepted that is none of the car's"
        if message is None or status < 0:
            assert self.values(message) == before, "a refused frame tells something"
        else:
            self.compare(message, data)
            assert (
                self.values(message) == before or self.state.group_version(self.group) != version
            ), "a value changes, and nobody is told"
        if message is not None and (status >= 0 or status == WRONG_SEQUENCE):
            self.count(message, data, status >= 0)

    def values(self, message: Message | None) -> list[object]:
        """Return what the state tells about the paths of a message, whatever its age."""
        paths = [] if message is None else self.oracle.paths[message.name]
        return [self.value(path) for path in paths]

    def value(self, path: str) -> object:
        leaf = self.state.leaf(path)
        received_ms = self.state.received_ms(leaf)
        return None if received_ms is None else self.state.value(leaf, received_ms)

    def compare(self, message: Message, data: bytes) -> None:
        """Compare with what cantools reads."""
        for path, expected in self.oracle.tells(message, data).items():
            assert agrees(self.value(path), expected), f"{path}: {expected} is told otherwise"

    def count(self, message: Message, data: bytes, is_accepted: bool) -> None:
        """Note the counter that comes next; the same twice must not have been accepted."""
        for signal in counters(message):
            maximum = int(signal.maximum or 0)
            counter = get_bits(data, signal)
            if counter <= maximum:
                following = (counter + 1) % (maximum + 1)
                is_repeated = self.counts.get(message.name) == following
                assert not (is_repeated and is_accepted), "a counter is accepted twice"
                self.counts[message.name] = following
            assert counter <= maximum or not is_accepted, "a counter beyond its range is accepted"

    def look_back(self, heard: int) -> None:
        """Look at the counters, at the time-outs, and at the pack that `/signals` answers."""
        counters = self.state.counters
        assert sum(counters.values()) - counters["lost"] == heard, "frames are counted wrongly"
        long_after_ms = self.now_ms + 1_000_000
        assert all(self.state.value(leaf, long_after_ms) is None for leaf in self.leaves)
        pack = Selection(self.state, self.leaves, self.group).pack(self.now_ms)
        data = pack if isinstance(pack, bytes) else b"".join(pack)
        assert len(data) <= MAX_RECORD_BYTES * len(self.leaves)
        base = ""
        left = {path for path, value in self.oracle.told.items() if value is not None}
        for record in cbor.decode(data):
            base = record.get(BASE, base)
            path = base + record[NAME]
            (told,) = (record[label] for label in VALUES if label in record)
            assert agrees(told, self.oracle.told[path], 1e-6)
            received_ms = self.state.received_ms(self.state.leaf(path))
            assert isclose(record[TIME] * 1000, (received_ms or 0) - self.now_ms, rel_tol=1e-6)
            left.remove(path)
        assert not left, "a known value is left out"


def agrees(told: object, expected: object, tolerance: float = 1e-12) -> bool:
    """Tell whether a value is the expected one, of the same kind."""
    if isinstance(told, float | int) and isinstance(expected, float | int):
        is_same_kind = isinstance(told, bool) == isinstance(expected, bool)
        return is_same_kind and isclose(told, expected, rel_tol=tolerance, abs_tol=tolerance)
    return type(told) is type(expected) and told == expected


def counters(message: Message) -> list[Any]:
    return [signal for signal in message.signals if signal.name.endswith("Counter")]


def run(data: bytes) -> None:
    """Let a car's state hear an input's frames."""
    choices = Choices(data)
    listener = Listener(FOLDERS[choices.byte() % len(FOLDERS)])
    heard = 0
    while not choices.is_over and heard < MAX_FRAMES:
        listener.hear(choices)
        heard += 1
    listener.look_back(heard)


def seeds() -> list[bytes]:
    """Return what cantools encodes at random, and what simulated cars say, for each car."""
    return [
        bytes((number,)) + b"".join(frames)
        for number, folder in enumerate(FOLDERS)
        for frames in (at_random(folder), simulated(folder))
    ]


def at_random(folder: Path) -> list[bytes]:
    """Return frames of random values."""
    oracle = Oracle(folder, seed=1)
    frames = [oracle.frame() for _ in range(MAX_FRAMES)]
    return [as_input(oracle, message, frame[3]) for frame, message in frames]


def simulated(folder: Path) -> list[bytes]:
    """Return the first frames of a simulated car, if there is one."""
    if folder.name not in ("reference", "leaf-2016"):
        return []
    oracle = Oracle(folder, seed=1)
    car = make_car(folder, seed=1)
    sent = [frame for step in range(200) for frame in car.step(step / 200)]
    named = {message.frame_id: message for _, message in oracle.messages}
    return [
        as_input(oracle, named[frame.arbitration_id], bytes(frame.data))
        for frame in sent
        if frame.arbitration_id in named
    ][:MAX_FRAMES]


def as_input(oracle: Oracle, message: Message, data: bytes) -> bytes:
    """Return a frame as `hear` reads it, 10 ms after the one before; its counter is right."""
    which = [known for _, known in oracle.messages].index(message)
    return bytes((which | CHECKSUM_RIGHT, 1)) + data
