"""AES-CCM in place is AES-CCM, at every size around its chunks."""

import os

import pytest

from gateway.oscore import ccm, ccm_in_place
from tests.aes import AES

SIZES = [0, 1, 15, 16, 17, 255, 256, 257, 511, 512, 513, 3840, 5000]
KEY, NONCE = bytes(range(16)), bytes(range(13))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("data", [b"", b"header", bytes(40)])
def test_it_makes_what_seal_makes_and_opens_it_again(size: int, data: bytes) -> None:
    plaintext = os.urandom(size)
    associated_data = ccm.encode_associated_data(data)
    buffer = bytearray(b"ab" + plaintext + bytes(8) + b"yz")
    ccm_in_place.seal(AES(KEY), NONCE, associated_data, buffer, 2, 2 + size)
    assert buffer[2:-2] == ccm.seal(AES(KEY), NONCE, associated_data, plaintext)
    assert (buffer[:2], buffer[-2:]) == (b"ab", b"yz")
    assert ccm_in_place.open_(AES(KEY), NONCE, associated_data, buffer, 2, 2 + size)
    assert buffer[2 : 2 + size] == plaintext


def test_encrypting_twice_gives_the_plaintext_back() -> None:
    buffer = bytearray(os.urandom(1000))
    before = bytes(buffer)
    for _ in range(2):
        ccm_in_place.crypt(AES(KEY), NONCE, buffer, 10, 900)
    assert bytes(buffer) == before


@pytest.mark.parametrize("at", [0, 255, 256, 599, 600, 607])
def test_a_flipped_bit_is_noticed(at: int) -> None:
    buffer = bytearray(os.urandom(600) + bytes(8))
    ccm_in_place.seal(AES(KEY), NONCE, b"", buffer, 0, 600)
    buffer[at] ^= 1
    assert not ccm_in_place.open_(AES(KEY), NONCE, b"", buffer, 0, 600)
