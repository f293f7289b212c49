"""Frames as a sender makes them, without the code under test; runs on both interpreters."""

# The reference car's data IDs of AUTOSAR E2E profiles 2 and 5, by arbitration id.
E2E_2 = {0x100: bytes(range(0x10, 0x20)), 0x200: bytes(range(0x20, 0x30))}
E2E_5 = {0x130: 0x0130, 0x131: 0x0131, 0x140: 0x0140, 0x141: 0x0141}


def checksum(arbitration_id: int, data: bytes, position: int) -> int:
    """Return the CRC-8 SAE J1850 over the id's low and high byte and data without one byte."""
    covered = bytes([arbitration_id & 0xFF, arbitration_id >> 8 & 0xFF])
    return crc8(covered + data[:position] + data[position + 1 :])


def crc8(data: bytes, polynomial: int = 0x1D) -> int:
    """Return a CRC of 8 bits of data, bit by bit: SAE J1850's, or of another polynomial."""
    return crc(data, polynomial, 8) ^ 0xFF


def crc(data: bytes, polynomial: int, width: int) -> int:
    """Return the register after data, from all ones, bit by bit."""
    register = (1 << width) - 1
    for byte in data:
        register ^= byte << width - 8
        for _ in range(8):
            register <<= 1
            if register >> width:
                register ^= 1 << width | polynomial
    return register


def protected(arbitration_id: int, data: bytes) -> bytes:
    """Return data with the checksum that the reference car's message of this id has."""
    if arbitration_id in E2E_2:
        data_id = E2E_2[arbitration_id][data[1] & 15]
        return bytes([crc8(data[1:] + bytes([data_id]), 0x2F)]) + data[1:]
    if arbitration_id in E2E_5:
        data_id = E2E_5[arbitration_id]
        register = crc(data[2:] + bytes([data_id & 0xFF, data_id >> 8]), 0x1021, 16)
        return bytes([register & 0xFF, register >> 8]) + data[2:]
    return bytes([checksum(arbitration_id, data, 0)]) + data[1:]


def reference_frame(arbitration_id: int, counter: int, data: bytes) -> bytes:
    """Return data as the reference car sends it, with this counter and its checksum."""
    if arbitration_id in E2E_5:
        counted = data[:2] + bytes([counter]) + data[3:]
    else:
        counted = data[:1] + bytes([data[1] & 0xF0 | counter]) + data[2:]
    return protected(arbitration_id, counted)
