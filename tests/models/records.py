"""A reader of the records that shares no code with the gateway: cbor2 and cryptography alone."""

import hashlib
import hmac
import io
import itertools
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

NO_MAC = bytes(16)
MAX_STEPS = 10_000  # ahead; a header may lie


class BrokenError(Exception):
    """Something in the records does not verify."""


@dataclass
class Chain:
    """What a host keeps of a chain: its key at one step, from which all later ones follow."""

    id: bytes
    step: int
    key: bytes

    def data_key(self, step: int) -> bytes:
        if not self.step <= step <= self.step + MAX_STEPS:
            raise BrokenError(f"the key of step {step} is not to be had from that of {self.step}")
        key = self.key
        for _ in range(step - self.step):
            key = HKDFExpand(hashes.SHA256(), 32, b"carport chain").derive(key)
        return HKDFExpand(hashes.SHA256(), 16, b"carport data").derive(key)


@dataclass
class Block:
    """A block, opened: its header, and its rows as absolute values: (group, at_ms, values)."""

    header: dict[Any, Any]
    tag: bytes
    rows: list[tuple[int, int, list[int | None]]] = field(default_factory=list)


def open_block(data: bytes, chain: Chain) -> Block:
    """Return a block, verified and read.

    Raises:
        BrokenError: it is not a block of this chain, or not as it was sealed.
    """
    try:
        message = cbor2.loads(data)
        assert isinstance(message, cbor2.CBORTag)
        assert message.tag == 16
        protected, unprotected, ciphertext = message.value
        assert unprotected == {}
        header = cbor2.loads(protected)
        assert header[1] == 10
        assert header[4][:8] == chain.id
        key = chain.data_key(int.from_bytes(header[4][8:], "big"))
        associated = cbor2.dumps(["Encrypt0", protected, b""])
        plaintext = AESCCM(key, tag_length=8).decrypt(header[5], ciphertext, associated)
    except (InvalidTag, BrokenError):
        raise BrokenError("the block does not verify") from None
    except Exception as error:
        raise BrokenError(f"this is no block: {error!r}") from error
    return Block(header, data[-8:], list(_rows(plaintext, header["start_ms"])))


def _rows(plaintext: bytes, at_ms: int) -> Any:
    stream = io.BytesIO(plaintext)
    last: dict[int, list[int]] = {}
    before: dict[int, list[int | None]] = {}
    while stream.tell() < len(plaintext):
        group, dt_ms, *deltas = cbor2.load(stream)
        at_ms += dt_ms
        known = last.setdefault(group, [0] * len(deltas))
        row = list(before.get(group, [None] * len(deltas)))
        for column, delta in enumerate(deltas):
            if delta is None:
                row[column] = None
            else:
                known[column] += delta
                row[column] = known[column]
        before[group] = row
        yield group, at_ms, list(row)


def check_order(blocks: list[Block]) -> None:
    """Check that blocks follow each other: each names the tag of the one before.

    Raises:
        BrokenError: a block was dropped, swapped or replaced before the one that this names.
    """
    for before, after in itertools.pairwise(blocks):
        if after.header["previous"] != before.tag or (
            after.header["block"] <= before.header["block"]
        ):
            raise BrokenError(f"block {after.header['block']} does not follow")


def named(row: tuple[int, int, list[int | None]], schema: dict[str, Any]) -> dict[str, Any]:
    """Return {VSS path: value in its unit} of a row."""
    group, _, stored = row
    values: dict[str, Any] = {}
    for column, number in zip(schema["groups"][group]["columns"], stored, strict=True):
        if number is None:
            values[column["path"]] = None
        elif "values" in column:
            values[column["path"]] = column["values"][number]
        else:
            numerator, denominator = column["scale"]
            values[column["path"]] = number * numerator / denominator
    return values


def check_ledger(
    mac_key: bytes, before: bytes, entries: list[list[Any]], head: tuple[int, bytes] | None = None
) -> bytes:
    """Return the last MAC of a ledger, or of its part behind the MAC `before`.

    Raises:
        BrokenError: an entry is not as it was written; the error names the first one. With a
            head, (number, MAC) of an entry that was seen before, also what was cut off up to it.
    """
    mac = before
    expected = entries[0][0] if entries else 0
    for number, sealed, stored in entries:
        if number != expected:
            raise BrokenError(f"entry {expected} is missing")
        message = mac + number.to_bytes(8, "big") + hashlib.sha256(sealed).digest()
        mac = hmac.new(mac_key, message, hashlib.sha256).digest()[:16]
        if mac != stored:
            raise BrokenError(f"entry {number} was changed")
        if head is not None and number == head[0] and mac != head[1]:
            raise BrokenError(f"entry {number} is another one than before")
        expected = number + 1
    if head is not None and (not entries or entries[-1][0] < head[0]):
        raise BrokenError(f"entry {expected} is missing")
    return mac


def open_entry(detail_key: bytes, number: int, sealed: bytes) -> list[Any]:
    """Return what an entry says: [unix_s, uptime_ms, kind, by, detail].

    Raises:
        BrokenError: it does not open with this key.
    """
    try:
        plaintext = AESCCM(detail_key, tag_length=8).decrypt(
            sealed[:13], sealed[13:], number.to_bytes(8, "big")
        )
    except InvalidTag:
        raise BrokenError(f"entry {number} does not open") from None
    entry: list[Any] = cbor2.loads(plaintext)
    return entry
