"""cantools, from the same DBC, agrees with what the device decodes and encodes."""

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import cantools
import pytest
from cantools.database.can import Database, Message
from cantools.database.namedsignalvalue import NamedSignalValue
from hypothesis import given, settings
from hypothesis import strategies as st

from carport.profile import compile_profile
from carport.profile.signals import bit_limits, place
from gateway.can.signal import get_raw, put_raw
from gateway.can.transmitter import TransmitMessage
from gateway.cbor import encode
from tests.differential.frames import checksum, protected
from tests.differential.receive_frames import receive_all
from tests.vm import Both

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"
DBC = {REFERENCE: "reference.dbc", ODD: "odd.dbc"}
COMPILED = {folder: compile_profile(folder) for folder in DBC}

Frame = tuple[int, int, bool, bytes]


class Oracle:
    """A profile as cantools and json read it, for making frames and for telling what they mean."""

    def __init__(self, folder: Path, seed: int) -> None:
        profile = tomllib.loads((folder / "profile.toml").read_text())
        self.vss = json.loads((folder / "vss.json").read_text())
        self.random = random.Random(seed)
        self.is_reference = folder == REFERENCE
        self.messages: list[tuple[int, Message]] = []
        self.paths: dict[str, list[str]] = {}
        for bus, entry in enumerate(profile["buses"]):
            database = cantools.database.load_file(folder / entry["dbc"])
            assert isinstance(database, Database)
            for message in database.messages:
                names = {signal.name for signal in message.signals}
                read = [p for p in sorted(self.vss) if self.vss[p]["dbc2vss"]["signal"] in names]
                if read:
                    self.messages.append((bus, message))
                    self.paths[message.name] = read
        self.counters = dict.fromkeys(self.paths, 0)
        self.told: dict[str, object] = {}

    def frame(self) -> tuple[Frame, Message]:
        """Return the next frame of a message, right in its counter and checksum only."""
        bus, message = self.random.choice(self.messages)
        data = bytearray(self.random.randbytes(message.length))
        signals = {signal.name: signal for signal in message.signals}
        if "Counter" in signals:
            put_bits(data, signals["Counter"], self.counters[message.name])
            maximum = int(signals["Counter"].maximum or 0)
            self.counters[message.name] = (self.counters[message.name] + 1) % (maximum + 1)
        if message.is_multiplexed() and self.random.random() < 0.9:
            put_bits(data, signals["Mode"], self.random.choice([0, 1, 10]))
        if self.is_reference:
            data = bytearray(protected(message.frame_id, bytes(data)))
        elif "CRC" in signals:
            place = signals["CRC"].start // 8
            data[place] = checksum(message.frame_id, bytes(data), place)
        return (bus, message.frame_id, message.is_extended_frame, bytes(data)), message

    def tells(self, message: Message, data: bytes) -> dict[str, object]:
        """Return what the frames up to this one tell about each path of its message."""
        modes = [signal for signal in message.signals if signal.is_multiplexer]
        if modes and data[0] & 15 not in (0, 1, 10):  # which cantools refuses to decode
            decoded: Any = {"Mode": data[0] & 15, "Always": (data[0] >> 5 ^ 4) - 4}
        else:
            decoded = message.decode(data)
        for path in self.paths[message.name]:
            if self.vss[path]["dbc2vss"]["signal"] in decoded:  # else multiplexed, and not now
                self.told[path] = self.value(path, message, decoded)
        return {path: self.told.get(path) for path in self.paths[message.name]}

    def value(self, path: str, message: Message, decoded: dict[str, Any]) -> object:
        link = self.vss[path]["dbc2vss"]
        signal = message.get_signal_by_name(link["signal"])
        value = decoded[signal.name]
        if "transform" in link:
            mapping = {entry["from"]: entry["to"] for entry in link["transform"]["mapping"]}
            return mapping.get(value.name if isinstance(value, NamedSignalValue) else value)
        if isinstance(value, NamedSignalValue):
            return None
        if signal.minimum is not None and value < signal.minimum - 1e-6:
            return None
        if signal.maximum is not None and value > signal.maximum + 1e-6:
            return None
        datatype = self.vss[path]["datatype"]
        return bool(value) if datatype == "boolean" else value


def put_bits(data: bytearray, signal: Any, value: int) -> None:
    """Write a signal that lies within one byte."""
    lowest = signal.start % 8
    if signal.byte_order == "big_endian":
        lowest -= signal.length - 1
    mask = (1 << signal.length) - 1 << lowest
    byte = signal.start // 8
    data[byte] = data[byte] & ~mask | value << lowest


def agrees(told: object, expected: object) -> bool:
    if type(told) is float and not isinstance(expected, bool):
        return expected is not None and told == pytest.approx(expected, rel=1e-12, abs=1e-12)
    return type(told) is type(expected) and told == expected


def check(oracle: Oracle, profile: bytes, frames: list[tuple[Frame, Message]]) -> None:
    outcomes = receive_all(profile, [frame for frame, _ in frames])
    known = 0
    for (frame, message), outcome in zip(frames, outcomes, strict=True):
        assert outcome[0] >= 0, (frame, outcome)
        expected = oracle.tells(message, frame[3])
        for path, value, told in zip(expected, expected.values(), outcome[1:], strict=True):
            assert agrees(told, value), (path, frame, told, value)
            known += told is not None
    assert known > len(frames)


@pytest.mark.parametrize(("folder", "count"), [(REFERENCE, 75_000), (ODD, 25_000)])
def test_cantools_agrees_on_random_frames(folder: Path, count: int) -> None:
    oracle = Oracle(folder, seed=1)
    check(oracle, encode(COMPILED[folder]), [oracle.frame() for _ in range(count)])


@pytest.mark.parametrize("folder", [REFERENCE, ODD])
def test_the_vm_decodes_as_cpython_does(both: Both, folder: Path) -> None:
    oracle = Oracle(folder, seed=2)
    frames = [frame for frame, _ in (oracle.frame() for _ in range(2_000))]
    data = encode(COMPILED[folder])
    both("tests.differential.receive_frames", "receive_all", data, frames)


@st.composite
def signals(draw: st.DrawFn) -> Any:
    """A message of one signal, anywhere in 8 bytes, of either byte order."""
    length = draw(st.integers(1, 64))
    sign = draw(st.sampled_from("+-"))
    first = draw(st.integers(0, 64 - length))
    if draw(st.booleans()):
        place = f"{first}|{length}@1{sign}"
    else:  # the first bit, counted from the top, as the DBC numbers it
        place = f"{first // 8 * 8 + 7 - first % 8}|{length}@0{sign}"
    text = f'VERSION ""\n\nBU_: A\n\nBO_ 1 M: 8 A\n SG_ S : {place} (1,0) [0|0] "" A\n'
    database = cantools.database.load_string(text, "dbc")
    assert isinstance(database, Database)
    return database.messages[0]


@settings(max_examples=300, deadline=None)
@given(signals(), st.binary(min_size=8, max_size=8), st.integers(0, 1 << 64))
def test_any_bits_are_read_and_written_as_cantools_does(
    message: Message, data: bytes, raw: int
) -> None:
    signal = message.signals[0]
    where = place(signal)
    bits = (1 << signal.length) - 1
    decoded: Any = message.decode(data)
    assert get_raw(data, where) == decoded["S"] & bits
    buffer = bytearray(data)
    put_raw(buffer, where, raw)
    assert get_raw(buffer, where) == raw & bits
    put_raw(buffer, where, get_raw(data, where))
    assert buffer == data


@pytest.mark.parametrize("folder", [REFERENCE, ODD])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_cantools_decodes_what_is_sent(folder: Path, data: st.DataObject) -> None:
    rows = COMPILED[folder]["transmitted"]
    index = data.draw(st.integers(0, len(rows) - 1))
    _, arbitration_id, is_extended_id, *_ = rows[index]
    database = cantools.database.load_file(folder / DBC[folder])
    assert isinstance(database, Database)
    message = database.get_message_by_frame_id(arbitration_id)
    assert message.is_extended_frame == is_extended_id
    settable = [one for one in message.signals if one.name not in ("CRC", "Counter")]
    raw_values = {one.name: data.draw(st.integers(*bit_limits(one)), one.name) for one in settable}
    places = {place(one): raw_values[one.name] for one in settable}
    payload = TransmitMessage(rows[index]).encode(places)
    decoded: Any = message.decode(payload, decode_choices=False, scaling=False)
    assert {name: decoded[name] for name in raw_values} == raw_values
