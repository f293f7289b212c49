"""Records are sealed under the root's storage key, and what does not open is damaged."""

import os
from collections.abc import Callable

import pytest

from gateway import cbor
from gateway.errors import DecodeError
from gateway.vault.records import OVERHEAD_BYTES, Records
from gateway.vault.root import CHAIN, LEDGER_KEY
from tests.aes import AES

SECRET = b"a secret of the car's owner"


def new(loaded: dict[str, bytes] | None = None) -> Records:
    return Records(loaded or {}, AES, os.urandom)


def stored(records: Records, storage: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Return what storage holds once it has done all that the records want."""
    storage = {} if storage is None else storage
    for number, name, record in records.take():
        records.acknowledge(number)
        if name == "*":
            storage.clear()
        elif record is None:
            storage.pop(name)
        else:
            storage[name] = b"".join(record) if isinstance(record, list) else record
    return storage


@pytest.fixture
def storage() -> dict[str, bytes]:
    records = new()
    records.put("keys", SECRET)
    records.put("armed", b"\xf5")
    return stored(records)


def test_the_root_is_stored_before_the_first_record_and_not_earlier() -> None:
    records = new()
    assert records.take() == []
    number = records.put("keys", SECRET)
    assert [(n, name) for n, name, _ in records.take()] == [(number - 1, "root"), (number, "keys")]
    records.acknowledge(number)
    records.put("keys", SECRET)
    assert [name for _, name, _ in records.take()] == ["keys"]


def test_a_change_waits_until_it_is_acknowledged() -> None:
    records = new()
    numbers = [records.put(name, SECRET) for name in ("keys", "armed", "keys")]
    assert [name for _, name, _ in records.take()] == ["root", "keys", "armed", "keys"]
    records.acknowledge(numbers[0])
    assert [number for number, _, _ in records.take()] == numbers[1:]
    assert [number for number, _, _ in records.take()] == numbers[1:]
    records.acknowledge(numbers[2])
    assert records.take() == []


def test_a_change_that_waits_is_replaced_by_the_next_one_of_its_name() -> None:
    records = new()
    records.put("keys", b"old")
    records.put("armed", b"old")
    number = records.put("armed", b"new")
    assert [name for _, name, _ in records.take()] == ["root", "keys", "armed"]
    assert records.take()[-1][0] == number
    assert new(stored(records)).get("armed") == b"new"


def test_records_come_back_after_a_reboot(storage: dict[str, bytes]) -> None:
    records = new(storage)
    assert records.get("keys") == SECRET
    assert sorted(records.names("")) == ["armed", "keys"]
    assert records.damaged == []
    records.delete("armed")
    assert sorted(new(stored(records, storage)).names("")) == ["keys"]


def test_what_is_stored_holds_no_secret_but_in_the_root(storage: dict[str, bytes]) -> None:
    key = new(storage).root.storage_key
    assert key in storage.pop("root")
    for record in storage.values():
        assert SECRET not in record
        assert key not in record
    assert len(storage["keys"]) == len(SECRET) + OVERHEAD_BYTES


def test_no_nonce_comes_twice_nor_after_a_reboot(storage: dict[str, bytes]) -> None:
    nonces = []
    for _ in range(3):
        records = new(storage)
        for _ in range(300):
            number = records.put("keys", SECRET)
            nonces += [record[:13] for _, _, record in records.take() if record is not None]
            records.acknowledge(number)
    assert len(set(nonces)) == len(nonces) == 900


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_every_single_bit_is_noticed(storage: dict[str, bytes]) -> None:
    for bit in range(8 * len(storage["keys"])):
        records = new({**storage, "keys": flip(storage["keys"], bit)})
        assert records.get("keys") is None
        assert records.damaged == ["keys"]
        assert records.get("armed") == b"\xf5"


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record[:-1],
        lambda record: record + b"\0",
        lambda _: b"",
        lambda _: b"x" * 20,
    ],
)
def test_a_record_of_another_length_is_damaged(
    storage: dict[str, bytes], damage: Callable[[bytes], bytes]
) -> None:
    assert new({**storage, "keys": damage(storage["keys"])}).damaged == ["keys"]


def test_a_record_in_the_place_of_another_is_damaged(storage: dict[str, bytes]) -> None:
    records = new({**storage, "armed": storage["keys"]})
    assert records.damaged == ["armed"]
    assert records.get("armed") is None


def test_without_its_root_nothing_opens(storage: dict[str, bytes]) -> None:
    del storage["root"]
    records = new(storage)
    assert sorted(records.damaged) == ["armed", "keys"]
    assert records.names("") == []
    records.put("new", b"1")
    again = new(stored(records, storage))
    assert again.names("") == ["new"]
    assert sorted(again.damaged) == ["armed", "keys"]


def test_entries_of_the_root_are_durable(storage: dict[str, bytes]) -> None:
    records = new(storage)
    assert records.root.get(LEDGER_KEY) is None
    number = records.put_root(LEDGER_KEY, b"l" * 16)
    assert records.put_root(CHAIN, [b"id", 3, b"c" * 16]) == number + 1
    root = new(stored(records, storage)).root
    assert root.get(LEDGER_KEY) == b"l" * 16
    assert root.get(CHAIN) == [b"id", 3, b"c" * 16]
    assert new(storage).get("keys") == SECRET
    assert "l" * 16 not in repr(root)


def test_an_entry_of_a_new_root_is_its_first_change() -> None:
    records = new()
    records.put_root(LEDGER_KEY, b"l" * 16)
    records.put("keys", SECRET)
    assert [name for _, name, _ in records.take()] == ["root", "keys"]


@pytest.mark.parametrize("root", [b"", b"\xa0", b"\x80", cbor.encode({0: 1}), b"\xff"])
def test_a_damaged_root_is_refused(storage: dict[str, bytes], root: bytes) -> None:
    with pytest.raises(DecodeError):
        new({**storage, "root": root})


def test_a_root_of_a_later_version_is_refused(storage: dict[str, bytes]) -> None:
    root = cbor.decode(storage["root"])
    root[0] += 1
    with pytest.raises(DecodeError, match="another version of Carport"):
        new({**storage, "root": cbor.encode(root)})


def test_a_block_is_not_kept_in_memory_and_opens_by_its_name(storage: dict[str, bytes]) -> None:
    records = new(storage)
    records.put_block("block-7", [bytearray(SECRET)])
    ((_, name, record),) = records.take()
    assert name == "block-7"
    assert record is not None
    assert records.get(name) is None
    assert records.names("block-") == []
    stored = b"".join(record)  # type: ignore[arg-type]
    assert SECRET not in stored
    assert b"".join(new(storage).open_block(name, stored) or []) == SECRET
    assert records.open_block("block-8", stored) is None
    for short in (b"", stored[:20], stored[:-1]):
        assert records.open_block(name, short) is None
    records.delete(name)
    assert records.take()[-1][1:] == ("block-7", None)


def test_a_wipe_is_the_last_change(storage: dict[str, bytes]) -> None:
    records = new(storage)
    records.put("keys", b"never stored")
    number = records.wipe()
    assert records.put("keys", b"after") == number
    assert records.delete("armed") == number
    assert records.put_root(LEDGER_KEY, b"l") == number
    assert records.wipe() == number
    assert records.take() == [(number, "*", None)]
    assert records.names("") in ([], ["keys"])
