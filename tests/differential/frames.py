"""Frames as a sender makes them, without the code under test; runs on both interpreters."""


def checksum(arbitration_id: int, data: bytes, position: int) -> int:
    """Return the CRC-8 SAE J1850 over the id's low and high byte and data without one byte."""
    covered = bytes([arbitration_id & 0xFF, arbitration_id >> 8 & 0xFF])
    return crc8(covered + data[:position] + data[position + 1 :])


def crc8(data: bytes) -> int:
    """Return the CRC-8 SAE J1850 of data, bit by bit."""
    register = 0xFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register << 1 ^ (0x11D if register & 0x80 else 0)
    return register ^ 0xFF


def reference_frame(arbitration_id: int, counter: int, data: bytes) -> bytes:
    """Return data as the reference car sends it: CRC in byte 0, counter in byte 1's low half."""
    counted = bytes([0, data[1] & 0xF0 | counter]) + data[2:]
    return bytes([checksum(arbitration_id, counted, 0)]) + counted[1:]
