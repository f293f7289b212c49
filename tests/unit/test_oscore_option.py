"""The OSCORE option's value: every form it may have, and every one it may not."""

import pytest

from gateway.errors import DecodeError
from tests.vm import Both

MODULE = "gateway.oscore.option"

FORMS = [
    (b"", (None, None, None)),
    (b"\x01\x00", (b"\x00", None, None)),
    (b"\x08", (None, None, b"")),
    (b"\x08\x01\x02", (None, None, b"\x01\x02")),
    (b"\x09\x14", (b"\x14", None, b"")),
    (b"\x0d\x01\x00\x00\x00\x00\x07", (b"\x01\x00\x00\x00\x00", None, b"\x07")),
    (b"\x10\x00", (None, b"", None)),
    (b"\x11\x05\x01\xaa", (b"\x05", b"\xaa", None)),
    (b"\x19\x05\x02\xaa\xbb\x01", (b"\x05", b"\xaa\xbb", b"\x01")),
    (b"\x10\xff" + bytes(255), (None, bytes(255), None)),
]

MALFORMED = {
    "flags_zero_is_to_be_empty": b"\x00",
    "flags_zero_and_more": b"\x00\x01",
    "reserved_bit_0": b"\x89\x14",
    "reserved_bit_1": b"\x49\x14",
    "reserved_bit_2": b"\x29\x14",
    "piv_of_6": b"\x0e" + bytes([1] * 6),
    "piv_of_7": b"\x0f" + bytes([1] * 7),
    "piv_missing": b"\x09",
    "piv_cut_short": b"\x02\x01",
    "piv_with_leading_zero": b"\x02\x00\x01",
    "piv_of_two_zeros": b"\x02\x00\x00",
    "kid_context_size_missing": b"\x11\x05",
    "kid_context_missing": b"\x11\x05\x01",
    "kid_context_cut_short": b"\x10\x03\x01\x02",
    "left_over_behind_piv": b"\x01\x05\x06",
    "left_over_behind_kid_context": b"\x10\x01\x02\x03",
}


@pytest.mark.parametrize(("value", "fields"), FORMS, ids=[value.hex() for value, _ in FORMS])
def test_forms(value: bytes, fields: tuple[bytes | None, ...], both: Both) -> None:
    assert both(MODULE, "decode", value) == fields
    assert both(MODULE, "encode", *fields) == value


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(value: bytes, both: Both) -> None:
    with pytest.raises(DecodeError):
        both(MODULE, "decode", value)
