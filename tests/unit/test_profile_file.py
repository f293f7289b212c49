"""The file of a compiled profile: what is not as it was written is no profile."""

import pytest

from gateway import cbor, profile_file
from gateway.errors import DecodeError
from tests.models.shell import profile
from tests.vm import Both


def test_it_holds_the_profile(both: Both) -> None:
    data = profile_file.encode(profile())
    assert profile_file.decode(data) == profile()
    assert both("gateway.profile_file", "decode", data) == profile()


def test_every_changed_bit_is_noticed() -> None:
    data = profile_file.encode({"name": "car", "buses": [["body", 500_000]]})
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            profile_file.decode(bytes(changed))


def test_every_lost_end_is_noticed() -> None:
    data = profile_file.encode({"name": "car"})
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            profile_file.decode(data[:length])
    with pytest.raises(DecodeError):
        profile_file.decode(data + b"\0")


def test_plain_cbor_is_no_profile() -> None:
    with pytest.raises(DecodeError, match="no whole profile"):
        profile_file.decode(cbor.encode({"name": "car"}))
