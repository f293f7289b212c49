"""CBOR: RFC 8949's examples, and what the subset refuses, on both interpreters."""

import ast
import struct
from http import HTTPStatus
from typing import Any

import cbor2
import pytest

from gateway import cbor
from gateway.errors import DecodeError, EncodeError
from tests.vectors.load import load
from tests.vm import Both

CBOR = "gateway.cbor"
CODECS = "tests.differential.codecs"
APPENDIX_A = load("rfc8949_appendix_a")
NAN = float("nan")


def value_of(example: dict[str, str]) -> Any:
    python = example["python"]
    return NAN if python == "nan" else ast.literal_eval(python)


def named(group: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "example", APPENDIX_A[group], ids=lambda example: example["diagnostic"]
    )


def same(left: object, right: object) -> bool:
    """Equal in type as well, and a NaN equal to itself."""
    return repr(left) == repr(right)


@named("deterministic")
def test_rfc8949_a_deterministic(both: Both, example: dict[str, str]) -> None:
    data = bytes.fromhex(example["hex"])
    assert same(both(CBOR, "decode", data), value_of(example))
    assert both(CBOR, "encode", value_of(example)) == data


@named("longer_than_needed")
def test_rfc8949_a_longer_than_needed(both: Both, example: dict[str, str]) -> None:
    assert same(both(CBOR, "decode", bytes.fromhex(example["hex"])), value_of(example))


@named("outside_the_subset")
def test_rfc8949_a_outside_the_subset(both: Both, example: dict[str, str]) -> None:
    with pytest.raises(DecodeError):
        both(CBOR, "decode", bytes.fromhex(example["hex"]))


@named("deterministic")
def test_a_truncated_item_is_refused(both: Both, example: dict[str, str]) -> None:
    data = bytes.fromhex(example["hex"])
    prefixes = [data[:n] for n in range(len(data))]
    assert both(CODECS, "undecodable", "cbor", prefixes) == list(range(len(data)))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("1900ff", 255),
        ("1b0000000000000001", 1),
        ("3b7fffffffffffffff", -(2**63)),
        ("5800", b""),
        ("7a0000000161", "a"),
        ("9900020102", [1, 2]),
        ("a2026162016161", {2: "b", 1: "a"}),
        ("a361610141610220f4", {"a": 1, b"a": 2, -1: False}),
        ("fb3ff8000000000000", 1.5),
    ],
)
def test_any_order_and_longer_heads_are_decoded(both: Both, data: str, value: object) -> None:
    assert same(both(CBOR, "decode", bytes.fromhex(data)), value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("0000", "bytes after the item"),
        ("1c", "reserved additional information"),
        ("1f", "an indefinite integer"),
        ("3e", "reserved additional information"),
        ("ff", "a break on its own"),
        ("f818", "a simple value in two bytes that one could carry"),
        ("f814", "false in two bytes"),
        ("e0", "simple(0)"),
        ("a2010101", "a value missing"),
        ("a201020103", "a duplicate key"),
        ("a20102180103", "a duplicate key, in another length"),
        ("a18001", "an array as key"),
        ("a1a001", "a map as key"),
        ("a1f93c0001", "a float as key"),
        ("a1f501", "a bool as key"),
        ("a1f601", "null as key"),
        ("9bffffffffffffffff", "more items than there are bytes"),
        ("bb000000010000000000", "more pairs than there are bytes"),
        ("5b8000000000000000", "a length beyond the input"),
        ("7affffffff61", "a length beyond the input"),
        ("61ff", "not UTF-8"),
        ("62c080", "overlong UTF-8"),
        ("63e08080", "overlong UTF-8"),
        ("64f0808080", "overlong UTF-8"),
        ("63eda080", "a surrogate"),
        ("66eda080edb080", "a pair of surrogates"),
        ("64f4908080", "above U+10FFFF"),
        ("62c3", "a truncated character and string"),
        ("61c3", "a truncated character"),
        ("818181818181818181" + "00", "9 levels"),
        ("a101a101a101a101a101a101a101a101a1" + "0100", "9 levels of maps"),
        ("81" * 2000, "2,000 levels"),
    ],
)
def test_bad_input_is_refused(both: Both, data: str, why: str) -> None:
    with pytest.raises(DecodeError):
        both(CBOR, "decode", bytes.fromhex(data))


def test_eight_levels_are_carried(both: Both) -> None:
    data = bytes.fromhex("81" * 7 + "a101" + "00")
    value = both(CBOR, "decode", data)
    assert both(CBOR, "encode", value) == data


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_buffer_is_decoded_into_bytes(both: Both, wrap: type) -> None:
    value = both(CBOR, "decode", wrap(bytes.fromhex("8241ff6161")))
    assert same(value, [b"\xff", "a"])


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**64) - 1,
        "\ud800",
        {1.0: 1},
        {True: 1},
        {None: 1},
        {(1,): 1},
        [[[[[[[[[]]]]]]]]],
        [[[[[[[[{}]]]]]]]],
    ],
    ids=repr,
)
def test_what_the_subset_cannot_carry_is_refused(both: Both, value: object) -> None:
    with pytest.raises(EncodeError):
        both(CBOR, "encode", value)


@pytest.mark.parametrize("value", [object, {1, 2}, 1j, HTTPStatus.OK], ids=repr)
def test_another_type_is_refused(value: object) -> None:
    with pytest.raises(EncodeError):
        cbor.encode(value)


@pytest.mark.parametrize(
    "value",
    [(1, 2), bytearray(b"ab"), memoryview(b"ab")],
    ids=["tuple", "bytearray", "memoryview"],
)
def test_other_sequences_are_encoded(both: Both, value: Any) -> None:
    plain = list(value) if isinstance(value, tuple) else bytes(value)
    assert both(CBOR, "encode", value) == both(CBOR, "encode", plain)


def test_map_keys_are_ordered_by_their_encoding(both: Both) -> None:
    """RFC 8949 section 4.2.1 gives this order, with false and an array as further keys."""
    keys = [10, 100, -1, "z", "aa"]
    value = dict.fromkeys(reversed(keys), 0)
    expected = "a5" + "0a00" + "186400" + "2000" + "617a00" + "62616100"
    assert both(CBOR, "encode", value) == bytes.fromhex(expected)


@pytest.mark.parametrize("n", [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1])
def test_a_head_takes_the_fewest_bytes(both: Both, n: int) -> None:
    assert both(CODECS, "cbor_head", 0, n) == cbor2.dumps(n)
    assert both(CODECS, "cbor_head", 1, n) == cbor2.dumps(-1 - n)


@pytest.mark.parametrize("n", [-1, 2**64])
def test_a_head_out_of_range_is_refused(both: Both, n: int) -> None:
    with pytest.raises(EncodeError):
        both(CODECS, "cbor_head", 4, n)


def test_a_message_built_piecewise_is_the_same(both: Both) -> None:
    items = [1, "two", b"3", {"four": [5.5]}]
    assert both(CODECS, "cbor_array", items) == both(CBOR, "encode", items)


def test_a_binary16_is_encoded_in_three_bytes(both: Both) -> None:
    """Every subnormal one, half of which MicroPython's struct packs wrongly, and some others."""
    subnormal = [sign | bits for sign in (0, 0x8000) for bits in range(0x400)]
    halves = [struct.pack(">H", bits) for bits in [*subnormal, *range(0x400, 0x7C00, 61)]]
    for start in range(0, len(halves), 256):
        some = halves[start : start + 256]
        values = [struct.unpack(">e", half)[0] for half in some]
        head = cbor2.dumps([None] * len(some))[: -len(some)]
        assert both(CBOR, "encode", values) == head + b"".join(b"\xf9" + half for half in some)


@pytest.mark.parametrize(
    ("value", "hex"),
    [
        (65505.0, "fa477fe100"),
        (65520.0, "fa477ff000"),
        (2.0**-25, "fa33000000"),
        (2.0**-24 + 2.0**-25, "fa33c00000"),
        (2.0**-149, "fa00000001"),
        (2.0**-150, "fb3690000000000000"),
        (2.0**-1074, "fb0000000000000001"),
        (3.5e38, None),
        (-1.7976931348623157e308, "fbffefffffffffffff"),
        (16777217.0, "fb4170000010000000"),
    ],
)
def test_a_float_takes_the_fewest_bytes_that_keep_it(
    both: Both, value: float, hex: str | None
) -> None:
    expected = bytes.fromhex(hex) if hex else cbor2.dumps(value, canonical=True)
    assert expected == cbor2.dumps(value, canonical=True)
    assert both(CBOR, "encode", value) == expected
    assert same(both(CBOR, "decode", expected), value)
