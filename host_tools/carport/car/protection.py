"""The protection of the car's frames, `crc8-j1850-id` in a profile: a checksum and a counter.

    byte 0      CRC-8 SAE J1850 over the ID's low byte, its high byte, and bytes 1 to 7
    byte 1      the low four bits count: each frame of an ID has its predecessor's counter plus one
    byte 2..7   payload

Source: SAE J1850 (polynomial 0x1D, start 0xFF, final XOR 0xFF); "123456789" gives 0x4B.
"""

COUNTER_MODULUS = 16

_POLYNOMIAL = 0x1D


def crc8_j1850(data: bytes) -> int:
    """Return the CRC-8 SAE J1850 of the data."""
    crc = 0xFF
    for byte in data:
        crc = _TABLE[crc ^ byte]
    return crc ^ 0xFF


def checksum(arbitration_id: int, data: bytes) -> int:
    """Return the checksum that belongs into byte 0 of the data."""
    return crc8_j1850(bytes((arbitration_id & 0xFF, arbitration_id >> 8)) + data[1:])


def _crc_of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc << 1 ^ (_POLYNOMIAL if crc & 0x80 else 0)) & 0xFF
    return crc


_TABLE = [_crc_of_byte(byte) for byte in range(256)]
