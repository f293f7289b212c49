"""Partition tables, against what Espressif's own generator is tested with."""

from itertools import pairwise

import pytest

from carport.install.partitions import (
    Partition,
    TableError,
    carport_table,
    decode_table,
    encode_table,
)

# esp-idf, components/partition_table/test_gen_esp32part_host: test_binary_entry.
ONE = Partition("first", 0x30, 0xEE, 0x100400, 0x300000)
MD5_OF_ONE = bytes.fromhex("43033f334087575169839b4061b12726")

# From the same file: LONGER_BINARY_TABLE.
THREE = [
    Partition("factory", 0x00, 0x00, 0x10000, 0x100000),
    Partition("data", 0x01, 0x20, 0x110000, 0x200),
    Partition("second", 0x10, 0x00, 0x150000, 0x1000),
]
MD5_OF_THREE = bytes.fromhex("f9bd061b45686f86571a2cd52a1da65b")


@pytest.mark.parametrize(
    ("partitions", "digest"),
    [pytest.param([ONE], MD5_OF_ONE, id="one"), pytest.param(THREE, MD5_OF_THREE, id="three")],
)
def test_tables_are_as_espressif_encodes_them(partitions: list[Partition], digest: bytes) -> None:
    table = encode_table(partitions)
    end = 32 * len(partitions)
    assert table[:4] == bytes((0xAA, 0x50, partitions[0].type, partitions[0].subtype))
    assert table[end : end + 16] == b"\xeb\xeb" + b"\xff" * 14
    assert table[end + 16 : end + 32] == digest
    assert table[end + 32 :] == b"\xff" * (0x1000 - end - 32)
    assert decode_table(table) == partitions


def test_a_table_without_a_checksum_is_read_too() -> None:
    table = encode_table(THREE)[:96] + b"\xff" * 32
    assert decode_table(table) == THREE


def test_each_changed_byte_is_noticed() -> None:
    table = encode_table(carport_table(4))
    for at in range(32 * 9):
        damaged = table[:at] + bytes((table[at] ^ 1,)) + table[at + 1 :]
        try:
            assert decode_table(damaged) == carport_table(4), at
        except TableError:
            continue
        pytest.fail(f"byte {at} was changed, and nobody noticed")


@pytest.mark.parametrize("data", [b"", b"\xff" * 0x1000, bytes(0x1000)])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(TableError):
        decode_table(data)


@pytest.mark.parametrize("flash_mib", [4, 8, 16])
def test_carports_table_covers_the_flash_without_gaps_or_overlaps(flash_mib: int) -> None:
    partitions = carport_table(flash_mib)
    for before, after in pairwise(partitions):
        assert before.offset + before.size == after.offset
    assert partitions[-1].offset + partitions[-1].size == flash_mib << 20
    assert all(not each.offset % 0x10000 for each in partitions if each.is_app)
    assert len({each.label for each in partitions}) == len(partitions)
