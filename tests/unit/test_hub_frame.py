"""A frame's bits on the wire, against a second model that works bit by bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carport.hub.frame import Frame, crc15, stuff_bits, wire_bits


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    is_extended_id = draw(st.booleans())
    arbitration_id = draw(st.integers(0, 0x1FFF_FFFF if is_extended_id else 0x7FF))
    return Frame(arbitration_id, is_extended_id, draw(st.binary(max_size=8)))


def arbitration_field(frame: Frame) -> str:
    if not frame.is_extended_id:
        return f"{frame.arbitration_id:011b}" + "00"
    bits = f"{frame.arbitration_id:029b}"
    return bits[:11] + "11" + bits[11:] + "0"


def bitwise_crc(bits: str) -> str:
    register = 0
    for bit in bits:
        feedback = int(bit) ^ register >> 14
        register = register << 1 & 0x7FFF
        if feedback:
            register ^= 0x4599
    return f"{register:015b}"


def stuffed(bits: str) -> str:
    sent = ""
    for bit in bits:
        sent += bit
        if sent[-5:] in ("00000", "11111"):
            sent += "1" if bit == "0" else "0"
    return sent


def test_crc15_known_answer() -> None:
    assert crc15(b"123456789") == 0x059E


@pytest.mark.parametrize(
    ("bits", "count"),
    [
        ("", 0),
        ("0000", 0),
        ("00000", 1),
        ("000001111", 2),
        ("0" * 9, 1),
        ("0" * 10, 2),
        ("0101" * 9, 0),
    ],
)
def test_stuff_bits(bits: str, count: int) -> None:
    assert stuff_bits(bits) == count


@given(frames())
def test_wire_bits_are_exact(frame: Frame) -> None:
    reserved = "00" if frame.is_extended_id else "0"
    bits = "0" + arbitration_field(frame) + reserved + f"{len(frame.data):04b}"
    bits += "".join(f"{byte:08b}" for byte in frame.data)
    bits += bitwise_crc(bits)
    delimiter_ack_end_intermission = 1 + 2 + 7 + 3
    assert wire_bits(frame) == len(stuffed(bits)) + delimiter_ack_end_intermission


def test_eight_bytes_take_222_us_at_500_kbit_without_stuff_bits() -> None:
    frame = Frame(0x2AA, False, bytes.fromhex("55AA55AA55AA5503"))
    unstuffed = 1 + 11 + 3 + 4 + 64 + 15 + 1 + 2 + 7 + 3
    assert unstuffed * 2 == 222
    assert wire_bits(frame) - unstuffed in range(3)


@given(frames(), frames())
def test_priority_is_the_arbitration_field_bit_by_bit(one: Frame, other: Frame) -> None:
    fields = arbitration_field(one), arbitration_field(other)
    if one.is_extended_id == other.is_extended_id or fields[0][:13] != fields[1][:13]:
        assert (one.priority < other.priority) == (fields[0] < fields[1])


def test_a_standard_id_wins_over_an_extended_one_with_the_same_upper_bits() -> None:
    assert Frame(0x123, False, b"").priority < Frame(0x123 << 18, True, b"").priority
    assert Frame(0x123 << 18, True, b"").priority < Frame(0x124, False, b"").priority


@pytest.mark.parametrize(
    ("arbitration_id", "is_extended_id", "length"),
    [(0x800, False, 0), (0x2000_0000, True, 0), (-1, False, 0), (0, True, 9)],
)
def test_no_frame(arbitration_id: int, is_extended_id: bool, length: int) -> None:
    with pytest.raises(ValueError, match=r"is not in|more than"):
        Frame(arbitration_id, is_extended_id, bytes(length))
