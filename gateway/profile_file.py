"""The file of a compiled profile: what it says decides what is sent to the car.

    "CPP1" | the profile in CBOR | CRC-32 of all that (4 bytes, big-endian)

The checksum finds what a flash has forgotten; the digit changes with what a profile holds.
"""

from binascii import crc32

from gateway import cbor
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAGIC = b"CPP1"
_CRC_BYTES = 4


def encode(profile: "dict[str, Any]") -> bytes:
    """Return the file of a compiled profile."""
    data = _MAGIC + cbor.encode(profile)
    return data + _checksum(data)


def decode(data: bytes) -> "dict[str, Any]":
    """Return the compiled profile that a file holds.

    Raises:
        DecodeError: it holds none, it is damaged, or it is for another version of Carport.
    """
    end = len(data) - _CRC_BYTES
    if data[: len(_MAGIC)] != _MAGIC or _checksum(memoryview(data)[:end]) != data[end:]:
        raise DecodeError("this is no whole profile, or one for another version of Carport")
    reader = cbor.Reader(data)
    reader.offset = len(_MAGIC)
    profile: dict[str, Any] = reader.item(cbor.MAX_NESTING)
    return profile


def _checksum(data: "bytes | memoryview") -> bytes:
    return (crc32(data) & 0xFFFFFFFF).to_bytes(_CRC_BYTES, "big")
