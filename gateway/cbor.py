"""CBOR (RFC 8949) for the types that Carport's payloads use, encoded deterministically.

    int (-2**64 .. 2**64 - 1), float, bool, None, bytes, str, list, dict

Encoding follows section 4.2.1: the shortest head, the shortest float that keeps the value, map
keys in bytewise order. Decoding takes any order, longer heads and longer floats, but no indefinite
lengths, tags, `undefined` or other simple values. Map keys are int, bytes or str: no two of these
that differ in CBOR are equal in Python. Lists and maps nest up to 8 deep.

An ESP32's floats are binary32: there a binary64 is decoded to the nearest one (infinity, if it is
too large), and encoding never needs more than 5 bytes.
"""

from struct import pack, unpack

from gateway.const import const
from gateway.errors import DecodeError, EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNSIGNED = const(0)
NEGATIVE = const(1)
BYTES = const(2)
TEXT = const(3)
ARRAY = const(4)
MAP = const(5)
SIMPLE = const(7)

MAX_NESTING = const(8)
FLOAT_FORMATS = {2: ">e", 4: ">f", 8: ">d"}
SIMPLE_VALUES = (False, True, None)
KEY_TYPES = (int, bytes, str)


def encode(value: object) -> bytes:
    """Return value as one CBOR item; tuples become arrays, bytearrays and memoryviews bytes.

    Raises:
        EncodeError: a type, a map key or an int outside this subset, a str with a lone surrogate,
            or more than 8 levels of lists and dicts.
    """
    buffer = bytearray()
    append_item(buffer, value)
    return bytes(buffer)


def append_item(buffer: bytearray, value: "Any", levels: int = MAX_NESTING) -> None:
    """Append value to buffer as one CBOR item, of at most levels levels of lists and dicts.

    Raises:
        EncodeError: as encode(); buffer then ends in a part of the item.
    """
    kind = type(value)  # exact types: a bool is an int in CPython, and is not in MicroPython
    if kind is str:
        data = utf8_of(value)
        n = len(data)
        if n < 24:
            buffer.append(TEXT << 5 | n)
        else:
            append_head(buffer, TEXT, n)
        buffer.extend(data)
    elif kind is int:
        if 0 <= value < 24:
            buffer.append(value)
        elif value >= 0:
            append_head(buffer, UNSIGNED, value)
        else:
            append_head(buffer, NEGATIVE, -1 - value)
    elif kind is float:
        append_float(buffer, value)
    elif kind is bool:
        buffer.append(0xF5 if value else 0xF4)
    elif value is None:
        buffer.append(0xF6)
    elif kind is dict:
        append_map(buffer, value, levels)
    elif kind is list or kind is tuple:
        append_array(buffer, value, levels)
    elif kind is bytes or kind is bytearray or kind is memoryview:
        append_head(buffer, BYTES, len(value))
        buffer.extend(value)
    else:
        raise EncodeError("no CBOR for a " + kind.__name__)


def append_array(
    buffer: bytearray, items: "list[Any] | tuple[Any, ...]", levels: int = MAX_NESTING
) -> None:
    """Append items as an array of at most levels levels.

    Raises:
        EncodeError: as encode().
    """
    if levels == 0:
        raise EncodeError("nested too deep")
    append_head(buffer, ARRAY, len(items))
    for item in items:
        append_item(buffer, item, levels - 1)


def append_head(buffer: bytearray, major: int, n: int) -> None:
    """Append the head of an item: major type 0..6 and its argument n, in the fewest bytes.

    With ARRAY or MAP, n items or pairs are to follow; the caller then sorts a map's keys.

    Raises:
        EncodeError: n is negative or above 2**64 - 1.
    """
    if 0 <= n < 24:
        buffer.append(major << 5 | n)
    elif 0 <= n < 0x100:
        buffer.append(major << 5 | 24)
        buffer.append(n)
    elif 0 <= n < 0x10000:
        buffer.extend(pack(">BH", major << 5 | 25, n))
    elif 0 <= n < 0x100000000:
        buffer.extend(pack(">BI", major << 5 | 26, n))
    elif 0 <= n < 0x10000000000000000:
        buffer.extend(pack(">BQ", major << 5 | 27, n))
    else:
        raise EncodeError("an integer of more than 64 bits")


def utf8_of(text: str) -> bytes:
    """Return text in UTF-8.

    Raises:
        EncodeError: text holds a lone surrogate.
    """
    try:
        data = text.encode()
    except UnicodeError:
        raise EncodeError("not Unicode text")
    if len(data) != len(text) and not is_unicode(text, len(data)):
        raise EncodeError("not Unicode text")
    return data


def append_float(buffer: bytearray, value: float) -> None:
    """Append value as the shortest of binary16, 32 and 64 that keeps it; any NaN as F9 7E 00."""
    if value != value:  # a NaN
        buffer.extend(b"\xf9\x7e\x00")
        return
    single = b""
    try:
        single = pack(">f", value)
    except OverflowError:  # CPython's; MicroPython packs infinity
        pass
    if not single or unpack(">f", single)[0] != value:
        buffer.append(0xFB)
        buffer.extend(pack(">d", value))
        return
    half = half_of(int.from_bytes(single, "big"))
    if half < 0:
        buffer.append(0xFA)
        buffer.extend(single)
    else:
        buffer.extend(pack(">BH", 0xF9, half))


def half_of(bits: int) -> int:
    """Return the binary16 with the value of the binary32 bits, or -1 if there is none.

    By hand, since MicroPython's struct packs half of the subnormal binary16 numbers wrongly.
    """
    sign = bits >> 16 & 0x8000
    exponent = bits >> 23 & 0xFF
    fraction = bits & 0x7FFFFF
    if exponent == 0xFF or exponent == 0:  # infinity or zero; a binary32 subnormal is too small
        return -1 if fraction else sign | (0x7C00 if exponent else 0)
    if 113 <= exponent <= 142:
        return -1 if fraction & 0x1FFF else sign | (exponent - 112) << 10 | fraction >> 13
    if 103 <= exponent < 113:
        fraction |= 0x800000
        shift = 126 - exponent
        return -1 if fraction & ((1 << shift) - 1) else sign | fraction >> shift
    return -1


def append_map(buffer: bytearray, pairs: "dict[Any, Any]", levels: int = MAX_NESTING) -> None:
    """Append pairs as a map of at most levels levels, in the bytewise order of its encoded keys.

    Raises:
        EncodeError: as encode(), or a key that is not an int, bytes or str.
    """
    if levels == 0:
        raise EncodeError("nested too deep")
    values = {}
    for key in pairs:
        if type(key) not in KEY_TYPES:
            raise EncodeError("no map key")
        values[encode(key)] = pairs[key]
    append_head(buffer, MAP, len(values))
    for encoded_key in sorted(values):
        buffer.extend(encoded_key)
        append_item(buffer, values[encoded_key], levels - 1)


def decode(data: "bytes | bytearray | memoryview") -> "Any":
    """Return the value of data, which is exactly one CBOR item; arrays become lists.

    Raises:
        DecodeError: data is malformed, truncated, followed by more, or outside this subset.
    """
    reader = Reader(bytes(data))
    value = reader.item(MAX_NESTING)
    if reader.offset != len(reader.data):
        raise DecodeError("bytes after the item")
    return value


class Reader:
    """Reads items from data one after the other; offset is where the next one starts."""

    __slots__ = ("data", "offset")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def item(self, levels: int) -> "Any":
        """Return the next item, of at most levels levels of arrays and maps."""
        data = self.data
        size = len(data)
        offset = self.offset
        if offset >= size:
            raise DecodeError("truncated")
        n = data[offset]
        major = n >> 5
        n &= 31
        offset += 1
        if n >= 24:
            if n > 27:
                raise DecodeError("an indefinite length, or a reserved head")
            start = offset
            offset += 1 << (n - 24)
            if offset > size:
                raise DecodeError("truncated")
            if major == SIMPLE:
                self.offset = offset
                return float_of(data[start:offset])
            n = int.from_bytes(data[start:offset], "big")
        self.offset = offset
        if major == UNSIGNED:
            return n
        if major == NEGATIVE:
            return -1 - n
        if major == SIMPLE:
            if 20 <= n <= 22:
                return SIMPLE_VALUES[n - 20]
            raise DecodeError("a simple value")
        if n > size - offset:  # the bytes of a string, or items of at least a byte each
            raise DecodeError("longer than the input")
        if major == TEXT:
            self.offset = offset + n
            return text_of(data[offset : offset + n])
        if major == BYTES:
            self.offset = offset + n
            return data[offset : offset + n]
        if major > MAP:
            raise DecodeError("a tag")
        if levels == 0:
            raise DecodeError("nested too deep")
        if major == ARRAY:
            return self.items(n, levels - 1)
        return self.pairs(n, levels - 1)

    def items(self, n: int, levels: int) -> "list[Any]":
        """Return the next n items as a list."""
        return [self.item(levels) for _ in range(n)]

    def pairs(self, n: int, levels: int) -> "dict[Any, Any]":
        """Return the next n pairs as a dict."""
        result = {}
        for _ in range(n):
            key = self.item(levels)
            if type(key) not in KEY_TYPES or key in result:
                raise DecodeError("a duplicate key, or one that is no int, bytes or text")
            result[key] = self.item(levels)
        return result


def float_of(data: bytes) -> float:
    """Return the float whose argument is data."""
    if len(data) == 1:
        raise DecodeError("a simple value")
    value: float = unpack(FLOAT_FORMATS[len(data)], data)[0]
    return value


def text_of(data: bytes) -> str:
    """Return data as text, having checked that it is UTF-8 as RFC 3629 has it."""
    try:
        text = str(data, "utf-8")
    except UnicodeError:
        raise DecodeError("not UTF-8")
    if len(text) != len(data) and not is_unicode(text, len(data)):
        raise DecodeError("not UTF-8")
    return text


def is_unicode(text: str, size: int) -> bool:
    """Tell whether text has no surrogates, and takes size bytes in its shortest form.

    MicroPython's own UTF-8 lets surrogates, overlong forms and code points above 10FFFF pass.
    """
    for character in text:
        point = ord(character)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            return False
        size -= 1 if point < 0x80 else 2 if point < 0x800 else 3 if point < 0x10000 else 4
    return size == 0
