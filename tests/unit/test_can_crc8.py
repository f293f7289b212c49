"""CRC-8 SAE J1850: known answers, and the table against a calculation bit by bit."""

import pytest

from gateway.can.crc8 import TABLE, crc8, make_table, start_of_frame
from tests.differential import frames
from tests.vm import Both


def test_check_value_of_the_crc_catalogue(both: Both) -> None:
    assert both("gateway.can.crc8", "crc8", b"123456789") == 0x4B


# AUTOSAR, Specification of CRC Routines, "8-bit SAE J1850 CRC Calculation".
@pytest.mark.parametrize(
    ("data", "crc"),
    [
        ("00000000", 0x59),
        ("f20183", 0x37),
        ("0faa0055", 0x79),
        ("00ff5511", 0xB8),
        ("332255aabbccddeeff", 0xCB),
        ("926b55", 0x8C),
        ("ffffffff", 0x74),
    ],
)
def test_autosar(data: str, crc: int) -> None:
    assert crc8(bytes.fromhex(data)) == crc


def test_the_table_is_the_calculation_bit_by_bit() -> None:
    assert [TABLE[0xFF ^ byte] ^ 0xFF for byte in range(256)] == [
        frames.crc8(bytes([byte])) for byte in range(256)
    ]
    assert make_table(0x07) != TABLE


def test_both_interpreters_make_the_same_table(both: Both) -> None:
    assert both("gateway.can.crc8", "make_table", 0x1D) == TABLE


@pytest.mark.parametrize("arbitration_id", [0, 0x100, 0x7FF, 0x18FF1234])
def test_a_frame_starts_with_the_low_and_high_byte_of_its_id(arbitration_id: int) -> None:
    covered = bytes([arbitration_id & 0xFF, arbitration_id >> 8 & 0xFF])
    assert start_of_frame(arbitration_id) == crc8(covered) ^ 0xFF
