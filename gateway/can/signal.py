"""Signals in the bytes of a frame, in either byte order, with no integer wider than the signal.

A profile describes where a signal lies by its pieces, one for each byte it touches:

    pieces = (byte, right, mask, left) ...        a multiple of 4 bytes
    raw    = ((data[byte] >> right) & mask) << left, of all pieces together

So a signal of up to 30 bits is read without allocating on a 32-bit chip; a wider one becomes a
heap integer there.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Buffer = bytes | bytearray | memoryview


def get_raw(data: "Buffer", pieces: bytes) -> int:
    """Return the unsigned raw value in data; allocates nothing if it has up to 30 bits."""
    raw = 0
    i = 0
    end = len(pieces)
    while i < end:
        raw |= (data[pieces[i]] >> pieces[i + 1] & pieces[i + 2]) << pieces[i + 3]
        i += 4
    return raw


def differs(data: "Buffer", other: "Buffer", masks: bytearray) -> bool:
    """Tell whether data and other, as long as masks, differ in a bit of masks."""
    for i in range(len(masks)):  # noqa: SIM110 - any() would allocate a generator
        if (data[i] ^ other[i]) & masks[i]:
            return True
    return False


def put_raw(buffer: bytearray, pieces: bytes, raw: int) -> None:
    """Write the low bits of raw into buffer: of a negative value, its two's complement."""
    for i in range(0, len(pieces), 4):
        byte = pieces[i]
        right = pieces[i + 1]
        mask = pieces[i + 2]
        part = raw >> pieces[i + 3] & mask
        buffer[byte] = buffer[byte] & ~(mask << right) & 0xFF | part << right
