"""CRC-8 SAE J1850: polynomial 0x1D, from 0xFF, at the end XORed with 0xFF.

The checksum of a frame covers the low and the high byte of its id, then its data without the
checksum's own byte.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.can.signal import Buffer

_POLYNOMIAL = 0x1D


def make_table(polynomial: int) -> bytes:
    """Return the CRC register after each byte from a register of 0; the CRC is linear in it."""
    table = bytearray(256)
    power = 1
    register = polynomial
    while power < 256:
        for lower in range(power):
            table[power | lower] = register ^ table[lower]
        register = (register << 1 ^ polynomial) & 0xFF if register & 0x80 else register << 1
        power <<= 1
    return bytes(table)


TABLE = make_table(_POLYNOMIAL)


def crc8(data: "Buffer") -> int:
    """Return the CRC-8 SAE J1850 of data."""
    register = 0xFF
    for byte in data:
        register = TABLE[register ^ byte]
    return register ^ 0xFF


def start_of_frame(arbitration_id: int) -> int:
    """Return the register after the low and the high byte of a frame's id."""
    return TABLE[TABLE[0xFF ^ (arbitration_id & 0xFF)] ^ (arbitration_id >> 8 & 0xFF)]


def crc8_of_frame(start: int, data: "Buffer", position: int) -> int:
    """Return the checksum that belongs into data[position]; start is its id's start_of_frame."""
    table = TABLE
    for i in range(position):
        start = table[start ^ data[i]]
    for i in range(position + 1, len(data)):
        start = table[start ^ data[i]]
    return start ^ 0xFF
