"""What outlives a deep sleep, in the memory of the chip's real-time clock.

    0       1       2                6               10
    +-------+-------+----------------+---------------+--------------+
    | "S"   | flags | at least       | slept at      | CRC-32       |
    +-------+-------+----------------+---------------+--------------+

    flags      1: the 12 V battery was low; above it, how many false alarms the bus gave in a row
    at least   unix seconds: what the wall clock read at least
    slept at   the real-time clock, in seconds of its own

So what the time is at least goes on through a sleep, by 15/16 of what that clock counted: an
ESP32's counts a resistor-capacitor oscillator, and may be wrong by 5 %. The time itself is not
known after it, until a tool tells it again. A loss of power loses all of it.

Numbers are big-endian.
"""

from binascii import crc32
from struct import pack, unpack

from gateway.const import const

_MAGIC = const(0x53)
_LOW = const(1)
_HEAD_BYTES = const(10)
NOTHING = (False, 0, 0)


def encode(is_low: bool, alarms: int, at_least_s: int, slept_s: int) -> bytes:
    """Return what is to be kept."""
    kept = pack(">BBII", _MAGIC, (_LOW if is_low else 0) | alarms << 1, at_least_s, slept_s)
    return kept + pack(">I", crc32(kept))


def decode(kept: bytes, now_s: int) -> "tuple[bool, int, int]":
    """Return whether the battery was low, the false alarms, and what the time is at least.

    now_s: the real-time clock. If nothing was kept, NOTHING.
    """
    head = kept[:_HEAD_BYTES]
    if len(kept) != _HEAD_BYTES + 4 or pack(">I", crc32(head)) != kept[_HEAD_BYTES:]:
        return NOTHING
    magic, flags, at_least_s, slept_s = unpack(">BBII", head)
    if magic != _MAGIC or now_s < slept_s:
        return NOTHING
    return flags & _LOW != 0, flags >> 1, at_least_s + (now_s - slept_s) * 15 // 16
