"""AES-CCM against the packet vectors of RFC 3610, on both interpreters."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from gateway.errors import AuthenticationError, EncodeError
from gateway.oscore import ccm
from tests.aes import AES
from tests.vm import Both

MODULE = "tests.differential.oscore"
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc3610.json").read_text())
packet_vectors = pytest.mark.parametrize(
    "vector", VECTORS["vectors"], ids=lambda vector: f"rfc3610_{vector['name']}"
)

KEY = bytes(range(16))
NONCE = bytes(range(13))


def arguments(vector: dict[str, Any], text: str) -> tuple[bytes, bytes, bytes, bytes, int]:
    """Return what `seal` and `open_` take, with the vector's field `text` as the text."""
    key, nonce, data = (bytes.fromhex(vector[k]) for k in ("key", "nonce", "associated_data"))
    return key, nonce, data, bytes.fromhex(vector[text]), vector["tag_bytes"]


@packet_vectors
def test_seal(vector: dict[str, Any], both: Both) -> None:
    sealed = both(MODULE, "seal", *arguments(vector, "plaintext"))
    assert sealed == bytes.fromhex(vector["sealed"])


@packet_vectors
def test_open(vector: dict[str, Any], both: Both) -> None:
    plaintext = both(MODULE, "open_", *arguments(vector, "sealed"))
    assert plaintext == bytes.fromhex(vector["plaintext"])


@packet_vectors
@pytest.mark.parametrize("place", [0, 1, 2, 3], ids=["key", "nonce", "data", "sealed"])
def test_open_refuses_every_flipped_bit(vector: dict[str, Any], place: int, both: Both) -> None:
    opened = arguments(vector, "sealed")
    assert both(MODULE, "opened_after_a_bit_flip", "open_", opened, place) == 0


@pytest.mark.parametrize("size", [*range(200), 1024, 5000])
def test_every_length_agrees_with_openssl(size: int, both: Both) -> None:
    plaintext, data = bytes([0x5A]) * size, bytes(size)
    sealed = both(MODULE, "seal", KEY, NONCE, data, plaintext, 8)
    assert sealed == AESCCM(KEY, 8).encrypt(NONCE, plaintext, data)
    assert both(MODULE, "open_", KEY, NONCE, data, sealed, 8) == plaintext


@pytest.mark.parametrize("size", range(8))
def test_open_refuses_less_than_a_tag(size: int) -> None:
    with pytest.raises(AuthenticationError):
        ccm.open_(AES(KEY), NONCE, b"", bytes(size))


def test_open_refuses_more_than_its_length_field_can_say() -> None:
    with pytest.raises(AuthenticationError):
        ccm.open_(AES(KEY), NONCE, b"", bytes(0x10000 + 8))


def test_seal_refuses_a_plaintext_too_long() -> None:
    with pytest.raises(EncodeError):
        ccm.seal(AES(KEY), NONCE, b"", bytes(0x10000))


def test_longest_texts() -> None:
    data = ccm.encode_associated_data(bytes(0xFEFF))
    sealed = ccm.seal(AES(KEY), NONCE, data, bytes(0xFFFF))
    assert ccm.open_(AES(KEY), NONCE, data, sealed) == bytes(0xFFFF)


def test_associated_data_too_long() -> None:
    with pytest.raises(EncodeError):
        ccm.encode_associated_data(bytes(0xFF00))
