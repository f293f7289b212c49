"""Block options: RFC 7959's values, and cutting payloads into blocks, on both interpreters."""

import pytest

from gateway.errors import DecodeError, EncodeError
from tests.vectors.load import load
from tests.vm import Both

BLOCK = "gateway.coap.block"

# What the figures write ("2.05 2:1/1/128") beside the option's value in the same message.
WRITTEN = [
    (example["what"].rpartition(":")[2], example["options"][-1][1])
    for example in load("rfc7959_figures")["messages"]
    if ":" in example["what"]
]


@pytest.mark.parametrize(("written", "value"), WRITTEN)
def test_rfc7959(both: Both, written: str, value: str) -> None:
    num, more, size = map(int, written.split("/"))
    decoded = both(BLOCK, "decode", bytes.fromhex(value))
    assert decoded == (num, bool(more), size.bit_length() - 5)
    assert both(BLOCK, "encode", num, bool(more), size.bit_length() - 5) == bytes.fromhex(value)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ((0, False, 0), ""),
        ((0, True, 6), "0e"),
        ((15, False, 6), "f6"),
        ((16, True, 6), "010e"),
        ((4096, False, 2), "010002"),
        ((2**20 - 1, True, 6), "fffffe"),
    ],
)
def test_values_at_each_border(both: Both, fields: tuple[int, bool, int], value: str) -> None:
    assert both(BLOCK, "encode", *fields) == bytes.fromhex(value)
    assert both(BLOCK, "decode", bytes.fromhex(value)) == fields


@pytest.mark.parametrize("value", ["07", "0f", "fffff7", "00000000"])
def test_bad_values_are_refused(both: Both, value: str) -> None:
    with pytest.raises(DecodeError):
        both(BLOCK, "decode", bytes.fromhex(value))


@pytest.mark.parametrize(
    "fields", [(-1, False, 0), (2**20, False, 0), (0, False, 7), (0, True, -1)]
)
def test_fields_out_of_range_are_refused(both: Both, fields: tuple[int, bool, int]) -> None:
    with pytest.raises(EncodeError):
        both(BLOCK, "encode", *fields)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 32, 33, 300])
@pytest.mark.parametrize("szx", [0, 1, 6])
def test_blocks_put_together_are_the_payload(both: Both, size: int, szx: int) -> None:
    payload = bytes(n & 0xFF for n in range(size))
    blocks: list[bytes] = []
    more = True
    while more:
        block, more = both(BLOCK, "cut", payload, len(blocks), szx)
        assert len(block) == 16 << szx or not more
        blocks.append(block)
    assert b"".join(blocks) == payload
    with pytest.raises(DecodeError):
        both(BLOCK, "cut", payload, len(blocks), szx)


def test_an_empty_payload_is_one_empty_block(both: Both) -> None:
    assert both(BLOCK, "cut", b"", 0, 6) == (b"", False)
    with pytest.raises(DecodeError):
        both(BLOCK, "cut", b"", 1, 6)
