"""CBOR: what is decoded is what cbor2 decodes, and is encoded in one form only.

cbor2 accepts more, knowingly: tags, indefinite lengths, simple values, keys of any type and twice,
deeper nesting, bytes behind the item.
"""

from itertools import chain
from typing import Any

import cbor2

from gateway import cbor
from gateway.errors import DecodeError, EncodeError
from tests.differential.values import dumps
from tests.vectors.load import load

MODULES = ("gateway/cbor.py",)

SCALARS = (int, float, bool, type(None), bytes, str)
KEYS = (int, bytes, str)


def run(data: bytes) -> None:
    """Decode data, and encode what it or cbor2 makes of it."""
    theirs, is_theirs = decoded_by_cbor2(data)
    try:
        value = cbor.decode(data)
    except DecodeError:
        must_accept = is_theirs and is_carried(theirs) and deterministic(theirs) == data
        assert not must_accept, "a deterministic item is refused"
    else:
        assert is_theirs, "cbor2 refuses what is accepted"
        assert dumps(value) == dumps(theirs), "cbor2 decodes another value"
        assert plainly_read(data, 0) == (len(data), count(value)), "not all of the input is told"
        check_encoding(value)
    if is_theirs:
        try:
            cbor.encode(theirs)
        except EncodeError:
            assert not is_carried(theirs), "a value of the subset has no encoding"
        else:
            check_encoding(theirs)


def check_encoding(value: Any) -> None:
    encoded = cbor.encode(value)
    assert encoded == deterministic(value), "not the deterministic encoding"
    assert dumps(cbor.decode(encoded)) == dumps(value), "decode(encode(x)) is not x"


def decoded_by_cbor2(data: bytes) -> tuple[Any, bool]:
    """Return what cbor2 makes of data, and whether it makes anything of it."""
    try:
        return cbor2.loads(data), True
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError):
        return None, False


def is_carried(value: Any, levels: int = cbor.MAX_NESTING) -> bool:
    """Tell whether value is one that the subset has."""
    kind = type(value)
    if kind is int:
        return bool(-(2**64) <= value < 2**64)
    if kind not in (list, dict):
        return kind in SCALARS
    if levels == 0:
        return False
    items = chain(value.values(), value) if kind is dict else value
    return (kind is list or all(type(key) in KEYS for key in value)) and all(
        is_carried(item, levels - 1) for item in items
    )


def deterministic(value: Any) -> bytes:
    """Return the deterministic encoding, with cbor2's scalars."""
    if type(value) is dict:
        pairs = sorted((deterministic(key), deterministic(value[key])) for key in value)
        return head(0xA0, len(value)) + b"".join(chain(*pairs))
    if type(value) is list:
        return head(0x80, len(value)) + b"".join(map(deterministic, value))
    encoded: bytes = cbor2.dumps(value, canonical=True)
    return encoded


def head(major: int, size: int) -> bytes:
    """Return the head of a map or an array: cbor2's for so large an integer, in another type."""
    encoded: bytes = cbor2.dumps(size)
    return bytes((major | encoded[0],)) + encoded[1:]


def count(value: Any) -> int:
    """Return how many items a value has, itself included."""
    if isinstance(value, dict):
        return 1 + sum(1 + count(item) for item in value.values())
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


def plainly_read(data: bytes, start: int) -> tuple[int, int]:
    """Return where the item at start ends, and how many items it is made of."""
    major, n = data[start] >> 5, data[start] & 31
    end = start + 1
    if n >= 24:
        end += 1 << n - 24
        n = int.from_bytes(data[start + 1 : end], "big")
    if major in (2, 3):
        return end + n, 1
    items = 1
    for _ in range({4: n, 5: 2 * n}.get(major, 0)):
        end, more = plainly_read(data, end)
        items += more
    return end, items


def seeds() -> list[bytes]:
    """Return RFC 8949's examples, of the subset and not, and two as deep as they may be."""
    vectors = load("rfc8949_appendix_a")
    rows = chain(*(rows for rows in vectors.values() if isinstance(rows, list)))
    deepest = [level * cbor.MAX_NESTING + b"\x00" for level in (b"\x81", b"\xa1\x00")]
    return [*(bytes.fromhex(row["hex"]) for row in rows), *deepest]
