"""What lies sealed in the flash, read without the gateway's code."""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from tests.power.chip import BLOCK_BYTES

NONCE_BYTES = 13
HEAD_BYTES = 10
ERASED = b"\xff" * BLOCK_BYTES

Sealed = tuple[bytes, bytes]  # what names the key, and the nonce


def storage_key(root: bytes) -> bytes:
    """Return the key that seals the records, from the root's payload."""
    key: bytes = cbor2.loads(root)[1]
    return key


def roots(sectors: bytes) -> list[bytes]:
    """Return the payloads in a key partition; a sector with anything else in it counts as b""."""
    found = []
    for at in range(0, len(sectors), BLOCK_BYTES):
        sector = sectors[at : at + BLOCK_BYTES]
        if sector == ERASED:
            continue
        magic, _, size = struct.unpack_from(">4sIH", sector)
        end = HEAD_BYTES + size
        is_valid = magic == b"CPRT" and zlib.crc32(sector[:end]) == int.from_bytes(
            sector[end : end + 4], "big"
        )
        found.append(sector[HEAD_BYTES:end] if is_valid else b"")
    return found


@lru_cache(maxsize=4096)
def unsealed(name: str, record: bytes, key: bytes) -> bytes:
    """Return a record's payload.

    Raises:
        InvalidTag: it was not sealed with this key, under this name.
    """
    nonce, ciphertext = record[:NONCE_BYTES], record[NONCE_BYTES:]
    return AESCCM(key, tag_length=8).decrypt(nonce, ciphertext, name.encode())


def sealed_in(name: str, record: bytes, key: bytes) -> Iterator[tuple[Sealed, bytes]]:
    """Yield what a record seals, and what seals the record: its nonce, and a hash of it."""
    yield (b"records", record[:NONCE_BYTES]), hashlib.sha256(record).digest()
    if name.startswith("block-l"):
        for _, sealed, _ in entries(unsealed(name, record, key))[1]:
            yield (b"ledger", sealed[:NONCE_BYTES]), hashlib.sha256(sealed).digest()
    elif name.startswith("block-") and name[6:].isdigit():
        protected, _, ciphertext = cbor2.loads(unsealed(name, record, key)).value
        header = cbor2.loads(protected)
        yield (header[4], header[5]), hashlib.sha256(protected + ciphertext).digest()


def entries(segment: bytes) -> tuple[bytes, list[list[Any]]]:
    """Return the MAC before a segment of the ledger, and its entries."""
    stream = io.BytesIO(segment)
    items = []
    while stream.tell() < len(segment):
        items.append(cbor2.load(stream))
    return items[0], items[1:]
