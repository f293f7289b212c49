"""Opening sealed blocks with keys that are known, or might be: cbor2 and cryptography alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_STEPS = 3  # a key of a step before leads to the block's
_CHAIN_KEY_BYTES = 32
_DATA_KEY_BYTES = 16


class Sealed(NamedTuple):
    """A COSE_Encrypt0, in parts."""

    step: int
    nonce: bytes
    ciphertext: bytes
    associated: bytes


def sealed(block: bytes) -> Sealed:
    """Take a block of records apart."""
    protected, _, ciphertext = cbor2.loads(block).value
    header = cbor2.loads(protected)
    associated = cbor2.dumps(["Encrypt0", protected, b""])
    return Sealed(int.from_bytes(header[4][8:]), header[5], ciphertext, associated)


def opens(block: Sealed, key: bytes) -> bool:
    """Tell whether this is a block's key."""
    try:
        AESCCM(key, tag_length=8).decrypt(block.nonce, block.ciphertext, block.associated)
    except InvalidTag:
        return False
    return True


def data_keys(chain_key: bytes, steps: int = _STEPS) -> Iterator[bytes]:
    """Yield what a chain's key opens: blocks of its own step, and of so many more."""
    for _ in range(steps):
        yield HKDFExpand(SHA256(), _DATA_KEY_BYTES, b"carport data").derive(chain_key)
        chain_key = HKDFExpand(SHA256(), _CHAIN_KEY_BYTES, b"carport chain").derive(chain_key)


def windows(image: bytes) -> set[bytes]:
    """Return every run of bytes that might be a key, as itself or as what follows from it."""
    keys: set[bytes] = set()
    for length in (_DATA_KEY_BYTES, _CHAIN_KEY_BYTES):
        keys.update(image[at : at + length] for at in range(len(image) - length + 1))
    return {key for key in keys if len(set(key)) > 4}  # what is erased is no key


def openable(blocks: Iterable[Sealed], keys: Iterable[bytes]) -> int:
    """Return how many blocks some of these keys open, as data keys or as keys of a chain."""
    candidates: set[bytes] = set()
    for key in keys:
        candidates.update([key] if len(key) == _DATA_KEY_BYTES else data_keys(key))
    return sum(any(opens(block, key) for key in candidates) for block in blocks)
