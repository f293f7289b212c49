"""AES-CCM in pieces is AES-CCM, however it is cut."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oscore import ccm
from gateway.oscore.ccm_stream import Stream
from tests.aes import AES

KEY, NONCE = bytes(range(16)), bytes(range(13))


def stream(data: bytes, size: int) -> Stream:
    return Stream(AES(KEY), NONCE, ccm.encode_associated_data(data), size)


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 15, 16, 17, 100, 255, 256, 257, 512, 700]), max_size=6),
    data=st.binary(max_size=40),
)
def test_it_makes_what_seal_makes_and_opens_it_again(sizes: list[int], data: bytes) -> None:
    pieces = [bytearray(os.urandom(size)) for size in sizes]
    plaintext = b"".join(pieces)
    sealing = stream(data, len(plaintext))
    for piece in pieces:
        sealing.encrypt(piece)
    tag = sealing.tag()
    sealed = ccm.seal(AES(KEY), NONCE, ccm.encode_associated_data(data), plaintext)
    assert b"".join(pieces) + tag == sealed
    opening = stream(data, len(plaintext))
    for piece in pieces:
        opening.decrypt(memoryview(piece))
    assert opening.verifies(tag)
    assert b"".join(pieces) == plaintext


def test_encrypting_twice_gives_the_plaintext_back() -> None:
    pieces = [bytearray(os.urandom(size)) for size in (7, 300, 33)]
    before = [bytes(piece) for piece in pieces]
    for _ in range(2):
        crypting = stream(b"", 0)
        for piece in pieces:
            crypting.crypt(piece)
    assert pieces == before


@pytest.mark.parametrize("at", [0, 255, 256, 599, 600, 607])
def test_a_flipped_bit_is_noticed(at: int) -> None:
    piece = bytearray(os.urandom(600))
    sealing = stream(b"", 600)
    sealing.encrypt(piece)
    sealed = piece + sealing.tag()
    sealed[at] ^= 1
    opening = stream(b"", 600)
    opening.decrypt(memoryview(sealed)[:600])
    assert not opening.verifies(bytes(sealed[600:]))


def test_a_tag_of_another_length_does_not_verify() -> None:
    opening = stream(b"", 0)
    assert not opening.verifies(b"")
