"""Keychain, blocks and archive on the host, by their definitions in carport.cddl."""

import json
import sqlite3
import stat
from fractions import Fraction
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from carport.data.archive import Archive
from carport.data.block import (
    BlockError,
    Column,
    Group,
    Header,
    Row,
    Schema,
    Value,
    decode_schema,
    open_block,
    read_header,
)
from carport.data.keychain import Keychain
from carport.errors import CarportError
from tests.models.records import Chain

CHAIN, BOOT, SEED = b"chainid8", b"bootboot", bytes(range(32))
SCHEMA = Schema(
    1,
    "reference",
    [
        Group("driving", 1, [Column("Vehicle.Speed", "float", "km/h", Fraction(1, 4), None)]),
        Group(
            "climate", 1, [Column("Vehicle.Cabin.HVAC.IsOn", "boolean", None, None, [False, True])]
        ),
    ],
)
KEY = Chain(CHAIN, 0, SEED).data_key(3)


def key_answer(step: int, key: bytes, **fields: object) -> bytes:
    answer: dict[str, object] = {"chain": CHAIN, "step": step, "key": key, "mac_key": bytes(32)}
    return cbor2.dumps({**answer, "detail_key": bytes(16), "detail_from": 1, **fields})


def sealed(rows: list[list[int | None]], **fields: object) -> bytes:
    """Return a block of step 3, sealed by cryptography."""
    header: dict[Any, Any] = {
        1: 10,
        4: CHAIN + bytes((0, 0, 0, 3)),
        5: bytes(13),
        "block": 7,
        "schema": 1,
    }
    header |= {"region": "DE", "boot": BOOT, "start_ms": 1000, "end_ms": 9000, "keep_days": 9}
    header |= {"boot_unix_s": 1_800_000_000, "previous": b""}
    header.update(fields)
    protected = cbor2.dumps(header)
    associated = cbor2.dumps(["Encrypt0", protected, b""])
    plaintext = b"".join(cbor2.dumps(row) for row in rows)
    ciphertext = AESCCM(KEY, tag_length=8).encrypt(bytes(13), plaintext, associated)
    return cbor2.dumps(cbor2.CBORTag(16, [protected, {}, ciphertext]))


ROWS: list[list[int | None]] = [
    [0, 0, 40],
    [1, 500, 1],
    [0, 500, 4],
    [0, 1000],
    [0, 1000, None],
    [0, 0, -4],
]


def test_a_block_opens_with_its_differences_undone() -> None:
    rows = open_block(sealed(ROWS), KEY, SCHEMA)
    assert [(row.group, row.at_ms, row.stored) for row in rows] == [
        (0, 1000, [40]),
        (1, 1500, [1]),
        (0, 2000, [44]),
        (0, 3000, [44]),
        (0, 4000, [None]),
        (0, 4000, [40]),
    ]
    values: list[Value | None] = [
        SCHEMA.groups[row.group].columns[0].value(row.stored[0]) for row in rows
    ]
    assert values == [10, True, 11, 11, None, 10]


def test_no_byte_of_a_block_can_be_changed() -> None:
    block = sealed(ROWS)
    for index in range(len(block)):
        changed = bytearray(block)
        changed[index] ^= 1
        with pytest.raises(BlockError):
            open_block(bytes(changed), KEY, SCHEMA)
    with pytest.raises(BlockError):
        open_block(block, bytes(16), SCHEMA)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xd0\x83", cbor2.dumps([1, 2, 3]), sealed([])[:40]]
)
def test_what_is_no_block_is_said_so(data: bytes) -> None:
    with pytest.raises(BlockError, match="no block of records"):
        read_header(data)


def test_what_is_no_schema_is_said_so() -> None:
    with pytest.raises(CarportError, match="update the board"):
        decode_schema(cbor2.dumps({"schema": 1}))


def test_a_key_opens_its_day_and_later_ones_alone(tmp_path: Path) -> None:
    keys = Keychain(tmp_path / "keys.json")
    assert keys.take(key_answer(3, SEED)) is False
    truth = Chain(CHAIN, 3, SEED)

    assert keys.data_key(CHAIN, 2) is None
    assert keys.data_key(b"another!", 3) is None
    for step in (3, 4, 40):
        assert keys.data_key(CHAIN, step) == truth.data_key(step)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert Keychain(tmp_path / "keys.json").data_key(CHAIN, 40) == truth.data_key(40)


def test_what_is_forgotten_is_in_no_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = Keychain(path)
    keys.take(key_answer(3, SEED))
    keys.forget(CHAIN, below=5)
    assert SEED.hex() not in path.read_text()
    assert keys.data_key(CHAIN, 4) is None
    assert keys.data_key(CHAIN, 5) == Chain(CHAIN, 3, SEED).data_key(5)
    keys.forget(CHAIN, below=2)  # older than what is left
    assert keys.first_step(CHAIN) == 5
    keys.forget(CHAIN)
    assert json.loads(path.read_text())["chains"] == {}


def test_an_earlier_key_is_kept_and_another_ledger_is_noticed(tmp_path: Path) -> None:
    keys = Keychain(tmp_path / "keys.json")
    keys.take(key_answer(3, SEED))
    keys.saw_head((9, bytes(16)))
    assert keys.take(key_answer(5, bytes(32))) is False
    assert keys.first_step(CHAIN) == 3
    assert keys.ledger is not None
    assert keys.ledger.head == (9, bytes(16))
    assert keys.take(key_answer(5, bytes(32), mac_key=bytes([1] * 32))) is True
    assert keys.ledger.head is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"chains": {"zz": 1}}'])
def test_a_damaged_keychain_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(CarportError, match="is damaged"):
        Keychain(tmp_path / "keys.json")


def header(number: int, boot_unix_s: int | None, boot: bytes = BOOT) -> Header:
    return Header(number, CHAIN, number, "DE", 1, boot, 0, 5000, boot_unix_s, b"")


def times(archive: Archive) -> list[int | None]:
    return [row.unix_ms for row in archive.rows()]


def test_a_boot_is_dated_by_its_first_block_that_knows_the_time(tmp_path: Path) -> None:
    with Archive(tmp_path / "archive.db") as archive:
        row = [Row(0, 2000, [40])]
        archive.keep(header(1, None), bytes(9), True, SCHEMA, row)
        assert times(archive) == [None]
        archive.keep(header(2, 1_800_000_000), bytes(9), True, SCHEMA, [Row(0, 5000, [44])])
        assert times(archive) == [1_800_000_002_000, 1_800_000_005_000]
        archive.keep(header(3, None, b"another!"), bytes(9), True, SCHEMA, row)
        archive.date(BOOT, 1)  # known already
        archive.date(b"another!", 1_900_000_000)
        assert times(archive)[2] == 1_900_000_002_000
        archive.keep(header(4, None, b"another!"), bytes(9), True, SCHEMA, row)
        assert times(archive)[2:] == [1_900_000_002_000, None]


def test_the_archive_is_for_sqlite_and_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Archive(path) as archive:
        archive.keep(header(1, 1_800_000_000), bytes(9), True, SCHEMA, [Row(1, 2000, [1])])
        archive.keep(header(1, 1_800_000_000), bytes(9), True, SCHEMA, [Row(1, 2500, [0])])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = sqlite3.connect(path).execute("select unix_s, path, value, unit from samples")
    assert found.fetchall() == [(1_800_000_002.5, "Vehicle.Cabin.HVAC.IsOn", 0, None)]


def test_what_is_erased_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Archive(path) as archive:
        archive.keep_schema(CHAIN, 1, b"the schema's words")
        for number in range(1, 4):
            archive.keep(
                header(number, 1000 * number), bytes(9), True, SCHEMA, [Row(0, 0, [number])]
            )
        assert archive.erase(CHAIN, below=2) == 1
        assert archive.erase_before(2500) == 1
        assert times(archive) == [3_000_000]
        assert b"the schema's words" in path.read_bytes()
        assert archive.erase() == 1
    assert b"the schema's words" not in path.read_bytes()
    assert b"Vehicle.Speed" not in path.read_bytes()


def test_what_is_no_archive_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    path.write_text("my own notes, in a file that has an unlucky name")
    with pytest.raises(CarportError, match="move it away"):
        Archive(path)
    assert path.read_text().startswith("my own notes")
