"""What protects frames: known answers, cantools' own E2E, and calculations bit by bit."""

import random
from typing import Any

import pytest
from cantools.autosar.end_to_end import compute_profile2_crc, compute_profile5_crc

from gateway.can.crc import CCITT, H2F, SAE_J1850, crc8, crc8_table, crc16
from gateway.can.protection import E2E_2, E2E_5, ID_CRC8, ID_SUM, make_protection
from tests.differential import frames
from tests.vm import Both

CHECK = b"123456789"
IDS = bytes(range(16))
ROWS: dict[str, list[Any]] = {
    "crc8-j1850-id": [ID_CRC8, 3, b""],
    "sum-id": [ID_SUM, 3, b""],
    "autosar-e2e-2": [E2E_2, 0, IDS],
    "autosar-e2e-5": [E2E_5, 0, b"\x34\x12"],
}


def filled(row: list[Any], arbitration_id: int, data: bytes) -> bytes:
    buffer = bytearray(data)
    protection = make_protection(row, arbitration_id)
    assert protection is not None
    protection.fill(buffer)
    return bytes(buffer)


def matches(row: list[Any], arbitration_id: int, data: bytes) -> bool:
    protection = make_protection(row, arbitration_id)
    assert protection is not None
    return protection.matches(memoryview(data))


def test_check_values_of_the_crc_catalogue(both: Both) -> None:
    assert both("gateway.can.crc", "crc8", SAE_J1850, CHECK) == 0x4B
    assert both("gateway.can.crc", "crc8", H2F, CHECK) == 0xDF
    assert both("gateway.can.crc", "crc16", CCITT, CHECK) == 0x29B1


# AUTOSAR, Specification of CRC Routines: SAE J1850, CRC-8H2F and CRC-16 of the same data.
@pytest.mark.parametrize(
    ("data", "j1850", "h2f", "ccitt"),
    [
        ("00000000", 0x59, 0x12, 0x84C0),
        ("f20183", 0x37, 0xC2, 0xD374),
        ("0faa0055", 0x79, 0xC6, 0x2023),
        ("00ff5511", 0xB8, 0x77, 0xB8F9),
        ("332255aabbccddeeff", 0xCB, 0x11, 0xF53F),
        ("926b55", 0x8C, 0x33, 0x0745),
        ("ffffffff", 0x74, 0x6C, 0x1D0F),
    ],
)
def test_autosar(data: str, j1850: int, h2f: int, ccitt: int) -> None:
    given = bytes.fromhex(data)
    told = crc8(SAE_J1850, given), crc8(H2F, given), crc16(CCITT, given)
    assert told == (j1850, h2f, ccitt)


def test_the_tables_are_the_calculation_bit_by_bit() -> None:
    for polynomial in (SAE_J1850, H2F):
        table = crc8_table(polynomial)
        assert [table[0xFF ^ byte] ^ 0xFF for byte in range(256)] == [
            frames.crc8(bytes([byte]), polynomial) for byte in range(256)
        ]


@pytest.mark.parametrize("polynomial", [SAE_J1850, H2F])
def test_both_interpreters_make_the_same_tables(both: Both, polynomial: int) -> None:
    assert both("gateway.can.crc", "crc8_table", polynomial) == crc8_table(polynomial)
    both("gateway.can.crc", "crc16_table", CCITT)


def test_known_answers_of_the_e2e_profiles() -> None:
    second = filled([E2E_2, 0, IDS], 0, bytes([0, 1]) + bytes(6))
    assert second.hex() == "6a01000000000000"
    fifth = filled([E2E_5, 0, b"\x34\x12"], 0, bytes([0, 0, 1]) + bytes(5))
    assert fifth.hex() == "cf8d010000000000"


def test_cantools_makes_the_same_e2e_checksums() -> None:
    generator = random.Random(1)
    for _ in range(500):
        data = generator.randbytes(generator.randint(4, 8))
        data_ids = generator.randbytes(16)
        told = filled([E2E_2, 0, data_ids], 0, data)
        assert told[0] == compute_profile2_crc(data, data_ids[data[1] & 15])
        data_id = generator.randrange(1 << 16)
        told = filled([E2E_5, 0, data_id.to_bytes(2, "little")], 0, data)
        assert told[0] | told[1] << 8 == compute_profile5_crc(data, data_id)


@pytest.mark.parametrize("arbitration_id", [0, 0x100, 0x7FF, 0x18FF1234])
def test_ids_are_under_the_checksum(arbitration_id: int) -> None:
    data = bytes(range(1, 9))
    expected = frames.checksum(arbitration_id, data, 3)
    assert filled(ROWS["crc8-j1850-id"], arbitration_id, data)[3] == expected
    total = (arbitration_id & 0xFF) + (arbitration_id >> 8 & 0xFF) + sum(data) - data[3]
    assert filled(ROWS["sum-id"], arbitration_id, data)[3] == total & 0xFF


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_bit_is_protected(row: list[Any]) -> None:
    good = filled(row, 0x118, bytes(range(8)))
    assert matches(row, 0x118, good)
    for bit in range(64):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert not matches(row, 0x118, bytes(bad)), bit


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_both_interpreters_fill_in_the_same(both: Both, row: list[Any]) -> None:
    data = bytes(range(8))
    assert both("tests.differential.protect", "filled", row, 0x118, data) == filled(
        row, 0x118, data
    )


def test_no_row_is_no_protection() -> None:
    assert make_protection(None, 0x100) is None
