"""cantools, from the same DBC, agrees with what the device decodes and encodes."""

from pathlib import Path
from typing import Any

import cantools
import pytest
from cantools.database.can import Database, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from carport.profile import compile_profile
from carport.profile.signals import bit_limits, place
from gateway.can.received_message import BAD_CHECKSUM, UNKNOWN_ID, WRONG_LENGTH
from gateway.can.signal import get_raw, put_raw
from gateway.can.transmitter import TransmitMessage
from gateway.cbor import encode
from gateway.vehicle.state import VehicleState
from tests.differential.receive_frames import receive_all
from tests.property.oracle import Frame, Oracle
from tests.vm import Both

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"
CARS = [file.parent for file in sorted(REFERENCE.parent.glob("*/profile.toml"))]
COMPILED = {folder: compile_profile(folder) for folder in [*CARS, ODD]}
VM_FRAMES = 500
COUNTS = [*((folder, 100_000) for folder in CARS), (ODD, 25_000)]
DBC = {REFERENCE: "reference.dbc", ODD: "odd.dbc"}


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
    assert known > len(frames) // 2


@pytest.mark.parametrize(("folder", "count"), COUNTS, ids=lambda one: getattr(one, "name", ""))
def test_cantools_agrees_on_random_frames(folder: Path, count: int) -> None:
    oracle = Oracle(folder, seed=1)
    check(oracle, encode(COMPILED[folder]), [oracle.frame() for _ in range(count)])


@pytest.mark.parametrize(("folder", "count"), COUNTS, ids=lambda one: getattr(one, "name", ""))
def test_the_vm_decodes_as_cpython_does(both: Both, folder: Path, count: int) -> None:
    oracle = Oracle(folder, seed=2)
    data = encode(COMPILED[folder])
    for _ in range(count // VM_FRAMES):
        frames = [packed(oracle.frame()[0]) for _ in range(VM_FRAMES)]
        joined = b"".join(frames)
        both("tests.differential.receive_frames", "digest_all", data, VM_FRAMES, joined)


@pytest.mark.parametrize("folder", [*CARS, ODD], ids=lambda folder: folder.name)
def test_wrong_frames_change_nothing(folder: Path) -> None:
    compiled = COMPILED[folder]
    state = VehicleState(compiled)
    oracle = Oracle(folder, seed=3)
    group = state.add_group(list(range(len(state.paths))))
    for _ in range(50):
        state.receive(*oracle.frame()[0], 0)

    def told() -> list[object]:
        values = [state.value(leaf, 1) for leaf in range(len(state.paths))]
        return [*values, state.group_version(group)]

    before = told()
    known = {(row[0], row[1], row[2]) for row in compiled["received"]}
    protected = {row[1] for row in compiled["received"] if row[5] is not None}
    for bus, arbitration_id, is_extended, length, *_ in compiled["received"]:
        for wrong in {*range(10), 64} - {length}:
            refused = state.receive(bus, arbitration_id, is_extended, bytes(wrong), 1)
            assert refused == WRONG_LENGTH
        other = (bus, arbitration_id, not is_extended)
        if other not in known:
            assert state.receive(*other, bytes(length), 1) == UNKNOWN_ID
    for _ in range(50):
        (bus, arbitration_id, is_extended, data), _ = oracle.frame()
        if bus == 0 and arbitration_id in protected:
            bad = bytearray(data)
            bad[oracle.random.randrange(len(data))] ^= 1 << oracle.random.randrange(8)
            assert state.receive(bus, arbitration_id, is_extended, bytes(bad), 1) == BAD_CHECKSUM
    assert told() == before


def packed(frame: Frame) -> bytes:
    bus, arbitration_id, is_extended, data = frame
    head = bytes([bus]) + arbitration_id.to_bytes(4, "big") + bytes([is_extended, len(data)])
    return head + data.ljust(8, b"\0")


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
