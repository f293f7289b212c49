"""Values as one line of text that both interpreters read back without loss.

Bytes, str, int, bool, None, list, tuple and dict are Python literals; a float is its IEEE 754
bits, since the decimal digits that one interpreter prints need not be those that another reads.
NaNs are all the same value.
"""

import struct
import sys

# MicroPython has no ascii(); its repr() prints only ASCII.
to_ascii = repr if sys.implementation.name == "micropython" else ascii

NAN_BITS = b"\x7f\xf8\x00\x00\x00\x00\x00\x00"


def dumps(value: object) -> str:
    """Return value as one ASCII line; on CPython equal values give equal lines.

    Raises:
        TypeError: value, or something in it, is of a type the harness does not carry.
    """
    if isinstance(value, float):
        bits = struct.pack(">d", value) if value == value else NAN_BITS
        return 'float64("' + bits.hex() + '")'
    if isinstance(value, list):
        return "[" + ", ".join([dumps(item) for item in value]) + "]"
    if isinstance(value, tuple):
        return "(" + "".join([dumps(item) + ", " for item in value]) + ")"
    if isinstance(value, dict):
        pairs = [dumps(key) + ": " + dumps(item) for key, item in value.items()]
        return "{" + ", ".join(sorted(pairs)) + "}"
    if isinstance(value, memoryview):
        return "memoryview(" + repr(bytes(value)) + ")"
    if value is None or isinstance(value, (bool, int, str, bytes, bytearray)):
        return to_ascii(value)
    raise TypeError("cannot carry a " + type(value).__name__)


def loads(text: str) -> object:
    """Return the value that dumps() wrote as text."""
    return eval(text, {"float64": float64, "bytearray": bytearray, "memoryview": memoryview})


def float64(bits: str) -> float:
    """Return the float whose big-endian binary64 is bits, in hexadecimal."""
    value: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return value
