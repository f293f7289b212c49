"""A flash chip's image as a stranger reads it: with cbor2 and cryptography, no code of ours.

The key partition is two blocks behind those of the file system; see firmware/ports/unix/flash.py.
A block of records is longer than what littlefs keeps inline, so it lies at the start of a flash
block, in one piece.
"""

import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

BLOCK_BYTES = 4096
FILE_BLOCKS = 510
KEYS = slice(FILE_BLOCKS * BLOCK_BYTES, (FILE_BLOCKS + 2) * BLOCK_BYTES)

STORAGE_KEY, LEDGER_KEY, CHAIN = 1, 2, 3

_NONCE_BYTES = 13
_TAG_BYTES = 8
_HEAD = ">4sIH"


def without_keys(image: bytes) -> bytes:
    """Return the image with an empty key partition."""
    return image[: KEYS.start] + bytes(KEYS.stop - KEYS.start) + image[KEYS.stop :]


def roots(image: bytes) -> list[dict[int, Any]]:
    """Return every root in the key partition, the oldest first."""
    found = []
    for block in (FILE_BLOCKS, FILE_BLOCKS + 1):
        sector = image[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
        magic, generation, length = struct.unpack_from(_HEAD, sector)
        end = struct.calcsize(_HEAD) + length
        if magic == b"CPRT" and sector[end : end + 4] == struct.pack(">I", crc32(sector[:end])):
            found.append((generation, cbor2.loads(sector[struct.calcsize(_HEAD) : end])))
    return [root for _, root in sorted(found, key=lambda each: each[0])]


def byte_strings(value: Any) -> Iterator[bytes]:
    """Yield every byte string in a decoded value that is long enough for a key."""
    if isinstance(value, bytes) and len(value) >= 16:
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from byte_strings(each)


def stored_block(image: bytes, storage_key: bytes, number: int, size: int) -> bytes | None:
    """Return a block of records, still sealed under the chain, if the image holds this version.

    number, size: as the board's index has them.
    """
    cipher = AESCCM(storage_key, tag_length=_TAG_BYTES)
    name = f"block-{number}".encode()
    end = _NONCE_BYTES + size + _TAG_BYTES
    for start in range(0, FILE_BLOCKS * BLOCK_BYTES, BLOCK_BYTES):
        record = image[start : start + end]
        if record[:_NONCE_BYTES] == b"\xff" * _NONCE_BYTES:
            continue
        try:
            return cipher.decrypt(record[:_NONCE_BYTES], record[_NONCE_BYTES:], name)
        except InvalidTag:
            continue
    return None
