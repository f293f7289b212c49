"""Signals in the bytes of a frame, in either byte order, with no integer wider than needed.

A profile describes where a signal lies by its place, an integer of 18 bits:

    bits 0..6    length in bits, 1 to 64
    bits 7..9    the bit of its byte where the lowest bit is
    bits 10..15  the byte where the lowest bit is
    bit 16       its higher bits follow in the bytes before (Motorola), not behind (Intel)
    bit 17       signed
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    Buffer = bytes | bytearray | memoryview

_MOTOROLA = const(1 << 16)
_SIGNED = const(1 << 17)


def get_raw(data: "Buffer", place: int) -> int:
    """Return the unsigned raw value in data; allocates nothing if it has up to 22 bits."""
    length = place & 127
    byte = place >> 10 & 63
    step = -1 if place & _MOTOROLA else 1
    left = place >> 7 & 7
    raw = data[byte] >> left
    left = 8 - left
    while left < length:
        byte += step
        raw |= data[byte] << left
        left += 8
    return raw & (1 << length) - 1


def sign_of(place: int) -> int:
    """Return the sign bit of a signal's raw value, 0 if it is unsigned."""
    return 1 << (place & 127) - 1 if place & _SIGNED else 0


def differs(data: "Buffer", other: "Buffer", masks: bytearray) -> bool:
    """Tell whether data and other, as long as masks, differ in a bit of masks."""
    for i in range(len(masks)):  # noqa: SIM110 - any() would allocate a generator
        if (data[i] ^ other[i]) & masks[i]:
            return True
    return False


def put_raw(buffer: bytearray, place: int, raw: int) -> None:
    """Write the low bits of raw into buffer: of a negative value, its two's complement."""
    length = place & 127
    byte = place >> 10 & 63
    right = place >> 7 & 7
    done = 0
    while done < length:
        bits = min(8 - right, length - done)
        mask = (1 << bits) - 1
        part = raw >> done & mask
        buffer[byte] = buffer[byte] & ~(mask << right) & 0xFF | part << right
        done += bits
        right = 0
        byte += -1 if place & _MOTOROLA else 1


def fits(place: int, raw: int) -> bool:
    """Tell whether raw is a value that the signal's bits can hold."""
    sign = sign_of(place)
    return -sign <= raw < (sign or 1 << (place & 127))
