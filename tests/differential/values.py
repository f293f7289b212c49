"""Values as one line of text that both interpreters read back without loss.

Bytes, int, bool, None, list, tuple and dict are Python literals. A float is its IEEE 754 bits,
since the decimal digits that one interpreter prints need not be those that another reads; NaNs are
all the same value. A str is its UTF-8, since MicroPython keeps every short str literal for ever.
"""

import struct

NAN_BITS = b"\x7f\xf8\x00\x00\x00\x00\x00\x00"


def dumps(value: object) -> str:
    """Return value as one ASCII line; on CPython equal values give equal lines.

    Raises:
        TypeError: value, or something in it, is of a type the harness does not carry.
    """
    if isinstance(value, float):
        bits = struct.pack(">d", value) if value == value else NAN_BITS
        return "float64(" + repr(bits) + ")"
    if isinstance(value, list):
        return "[" + ", ".join([dumps(item) for item in value]) + "]"
    if isinstance(value, tuple):
        return "(" + "".join([dumps(item) + ", " for item in value]) + ")"
    if isinstance(value, dict):
        pairs = [dumps(key) + ": " + dumps(item) for key, item in value.items()]
        return "{" + ", ".join(sorted(pairs)) + "}"
    if isinstance(value, memoryview):
        return "memoryview(" + repr(bytes(value)) + ")"
    if isinstance(value, str):
        return "text(" + repr(value.encode("utf-8", "surrogatepass")) + ")"
    if value is None or isinstance(value, (bool, int, bytes, bytearray)):
        return repr(value)
    raise TypeError("cannot carry a " + type(value).__name__)


def loads(line: str) -> object:
    """Return the value that dumps() wrote as line."""
    return eval(line, NAMES)


def float64(bits: bytes) -> float:
    """Return the float whose big-endian binary64 is bits."""
    value: float = struct.unpack(">d", bits)[0]
    return value


def text(data: bytes) -> str:
    """Return the str whose UTF-8 is data; lone surrogates pass."""
    return data.decode("utf-8", "surrogatepass")


NAMES = {"float64": float64, "text": text, "bytearray": bytearray, "memoryview": memoryview}
