"""CoAP messages: the RFCs' examples, and what is refused, on both interpreters."""

from typing import Any

import pytest

from gateway.errors import DecodeError, EncodeError
from tests.vectors.load import load
from tests.vm import Both

CODECS = "tests.differential.codecs"
MESSAGE = "gateway.coap.message"
RFC7252 = load("rfc7252_appendix_a")["messages"]
RFC7641 = load("rfc7641_appendix_a")["messages"]
RFC7959 = load("rfc7959_figures")["messages"]

Fields = tuple[int, int, int, bytes, list[tuple[int, bytes]], bytes]


def fields_of(example: dict[str, Any]) -> Fields:
    return (
        example["type"],
        example["code"],
        example["message_id"],
        bytes.fromhex(example["token"]),
        [(number, bytes.fromhex(value)) for number, value in example["options"]],
        bytes.fromhex(example["payload"]),
    )


def each(examples: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "example", examples, ids=lambda example: f"figure {example['figure']} {example['what']}"
    )


def check(both: Both, example: dict[str, Any]) -> None:
    data = bytes.fromhex(example["hex"])
    assert both(CODECS, "decode_message", data) == fields_of(example)
    assert both(CODECS, "encode_message", *fields_of(example)) == data


@each(RFC7252)
def test_rfc7252_a(both: Both, example: dict[str, Any]) -> None:
    check(both, example)


@each(RFC7641)
def test_rfc7641_a(both: Both, example: dict[str, Any]) -> None:
    check(both, example)


@each(RFC7959)
def test_rfc7959(both: Both, example: dict[str, Any]) -> None:
    check(both, example)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("400100", "shorter than a header"),
        ("00010001", "version 0"),
        ("80010001", "version 2"),
        ("c0010001", "version 3"),
        ("49010001112233445566778899", "a token of 9 bytes"),
        ("4f010001112233445566778899aabbccddeeff", "a token of 15 bytes"),
        ("4101000b", "a token cut short"),
        ("4801000100112233445566", "a token cut short"),
        ("4100000100", "an empty message with a token"),
        ("40000001b161", "an empty message with an option"),
        ("40000001ff61", "an empty message with a payload"),
        ("40010001ff", "a payload marker without a payload"),
        ("40010001b161ff", "a payload marker without a payload"),
        ("40010001f161", "delta 15 is no payload marker"),
        ("40010001f061", "delta 15 is no payload marker"),
        ("400100011f61", "length 15"),
        ("40010001d0", "an extended delta cut short"),
        ("40010001e001", "an extended delta cut short"),
        ("400100010d", "an extended length cut short"),
        ("400100010e01", "an extended length cut short"),
        ("40010001b461", "a value cut short"),
        ("40010001bd0061", "a value cut short"),
        ("40010001e0ffff", "an option number above 65535"),
        ("40010001e0fef210", "an option number above 65535, in two steps"),
    ],
)
def test_bad_input_is_refused(both: Both, data: str, why: str) -> None:
    with pytest.raises(DecodeError):
        both(MESSAGE, "decode", bytes.fromhex(data))


def test_the_highest_option_number_is_accepted(both: Both) -> None:
    data = bytes.fromhex("40010001e0fef2")
    fields = (0, 1, 1, b"", [(0xFFFF, b"")], b"")
    assert both(CODECS, "decode_message", data) == fields
    assert both(CODECS, "encode_message", *fields) == data


@pytest.mark.parametrize("number", [0, 12, 13, 268, 269, 65535])
@pytest.mark.parametrize("length", [0, 12, 13, 268, 269, 2000])
def test_deltas_and_lengths_at_each_border(both: Both, number: int, length: int) -> None:
    fields = (1, 2, 0xFFFF, b"\x00" * 8, [(number, b"v" * length), (number, b"")], b"\xff")
    data = both(CODECS, "encode_message", *fields)
    extended = sum(0 if n < 13 else 1 if n < 269 else 2 for n in (number, length))
    assert len(data) == 4 + 8 + 1 + extended + length + 1 + 2
    assert both(CODECS, "decode_message", data) == fields


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_buffer_is_decoded_into_bytes(both: Both, wrap: type) -> None:
    _, _, _, token, options, payload = fields_of(RFC7252[3])
    found = both(CODECS, "decode_message", wrap(bytes.fromhex(RFC7252[3]["hex"])))
    assert found[3:] == (token, options, payload)


@pytest.mark.parametrize(
    "fields",
    [
        (4, 1, 1, b"", [], b""),
        (-1, 1, 1, b"", [], b""),
        (0, 256, 1, b"", [], b""),
        (0, -1, 1, b"", [], b""),
        (0, 1, 65536, b"", [], b""),
        (0, 1, -1, b"", [], b""),
        (0, 1, 1, b"123456789", [], b""),
        (0, 1, 1, b"", [(11, b"a"), (6, b"")], b""),
        (0, 1, 1, b"", [(-1, b"a")], b""),
        (0, 1, 1, b"", [(65536, b"a")], b""),
        (0, 1, 1, b"", [(1, b"a" * (65804 + 1))], b""),
        (0, 0, 1, b"t", [], b""),
        (0, 0, 1, b"", [(11, b"")], b""),
        (0, 0, 1, b"", [], b"p"),
    ],
    ids=lambda fields: repr(fields)[:60],
)
def test_what_a_message_cannot_carry_is_refused(both: Both, fields: Fields) -> None:
    with pytest.raises(EncodeError):
        both(CODECS, "encode_message", *fields)


def test_a_body_stands_alone(both: Both) -> None:
    """As in OSCORE's plaintext: one byte of code, then options and payload."""
    options = [(11, b"lock"), (12, b"\x3c")]
    body = both(CODECS, "body", options, b"\xa0")
    assert body == bytes.fromhex("b46c6f636b113cffa0")
    assert both(MESSAGE, "decode_body", b"\x02" + body, 1) == (options, b"\xa0")
    assert both(MESSAGE, "decode_body", b"\x02", 1) == ([], b"")


@pytest.mark.parametrize(
    ("n", "value"),
    [
        (0, ""),
        (1, "01"),
        (255, "ff"),
        (256, "0100"),
        (65535, "ffff"),
        (65536, "010000"),
        (2**24, "01000000"),
        (2**32 - 1, "ffffffff"),
    ],
)
def test_an_unsigned_option_value(both: Both, n: int, value: str) -> None:
    assert both(MESSAGE, "encode_uint", n) == bytes.fromhex(value)
    assert both(MESSAGE, "decode_uint", bytes.fromhex(value)) == n


def test_leading_zeros_of_an_unsigned_option_are_accepted(both: Both) -> None:
    assert both(MESSAGE, "decode_uint", b"\x00\x00\x00\x05") == 5


def test_an_unsigned_option_out_of_range_is_refused(both: Both) -> None:
    with pytest.raises(DecodeError):
        both(MESSAGE, "decode_uint", b"\x00\x00\x00\x00\x05")
    for n in (-1, 2**32):
        with pytest.raises(EncodeError):
            both(MESSAGE, "encode_uint", n)
