"""HMAC-SHA-256 and the HKDF over it: how keys come from a secret.

Source: RFC 2104, RFC 5869.
"""

from hashlib import sha256

from gateway.errors import EncodeError

HASH_BYTES = 32

_BLOCK_BYTES = 64
_INNER_PAD = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OUTER_PAD = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32-byte HMAC-SHA-256 of `message`; a key may have any length."""
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    number = int.from_bytes(key + bytes(_BLOCK_BYTES - len(key)), "big")
    inner = sha256((number ^ _INNER_PAD).to_bytes(_BLOCK_BYTES, "big"))
    inner.update(message)
    outer = sha256((number ^ _OUTER_PAD).to_bytes(_BLOCK_BYTES, "big"))
    outer.update(inner.digest())
    return outer.digest()


def extract(salt: bytes, input_key: bytes) -> bytes:
    """Return the pseudorandom key of 32 bytes; an empty salt is 32 zeros, as the RFC says."""
    return hmac_sha256(salt, input_key)


def expand(pseudorandom_key: bytes, info: bytes, size_bytes: int) -> bytes:
    """Return `size_bytes` bytes of key material for the purpose that `info` names.

    Raises:
        EncodeError: more than 255 * 32 bytes.
    """
    if size_bytes > 255 * HASH_BYTES:
        raise EncodeError("HKDF gives at most 8160 bytes")
    material = b""
    block = b""
    count = 0
    while len(material) < size_bytes:
        count += 1
        block = hmac_sha256(pseudorandom_key, block + info + bytes((count,)))
        material += block
    return material[:size_bytes]
