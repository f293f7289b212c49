"""The protection of the car's frames: a checksum in front, then a counter.

    SAE J1850       byte 0: CRC-8 over the ID's low byte, its high byte, and bytes 1 to 7;
                    byte 1: the low four bits count
    E2E profile 2   byte 0: CRC-8H2F over bytes 1 to 7 and the data ID of the counter;
                    byte 1: the low four bits count
    E2E profile 5   bytes 0 and 1: CRC-16, low byte first, over bytes 2 to 7 and the data ID, low
                    byte first; byte 2 counts

Source: SAE J1850, AUTOSAR E2E Protocol Specification.
"""

from collections.abc import Mapping
from typing import Any


class Protection:
    """How the frames of one message are protected; counters count up to counter_modulus."""

    counter_modulus = 16

    def seal(self, data: bytes) -> bytes:
        """Return the data with its checksum."""
        raise NotImplementedError

    def is_sound(self, data: bytes) -> bool:
        """Tell whether the data has its checksum."""
        return self.seal(data) == data


class Unprotected(Protection):
    """No checksum; a counter, if there is one, counts all the same."""

    def seal(self, data: bytes) -> bytes:
        return data


class J1850(Protection):
    """CRC-8 SAE J1850 with the ID."""

    def __init__(self, arbitration_id: int) -> None:
        self._id = bytes((arbitration_id & 0xFF, arbitration_id >> 8))

    def seal(self, data: bytes) -> bytes:
        return bytes((_crc(self._id + data[1:], 0x1D, 8) ^ 0xFF,)) + data[1:]


class Profile2(Protection):
    """AUTOSAR E2E profile 2, with a data ID for each value of the counter."""

    def __init__(self, data_ids: list[int]) -> None:
        self._data_ids = data_ids

    def seal(self, data: bytes) -> bytes:
        covered = data[1:] + bytes((self._data_ids[data[1] & 15],))
        return bytes((_crc(covered, 0x2F, 8) ^ 0xFF,)) + data[1:]


class Profile5(Protection):
    """AUTOSAR E2E profile 5, with one data ID."""

    counter_modulus = 256

    def __init__(self, data_id: int) -> None:
        self._data_id = data_id.to_bytes(2, "little")

    def seal(self, data: bytes) -> bytes:
        return _crc(data[2:] + self._data_id, 0x1021, 16).to_bytes(2, "little") + data[2:]


def protection_of(profile: Mapping[str, Any], name: str, arbitration_id: int) -> Protection:
    """Return the protection of a message by its profile.toml."""
    for entry in profile.get("protection", []):
        data_ids = entry.get("data_ids", {})
        if name in data_ids:
            profile2 = entry["algorithm"] == "autosar-e2e-2"
            return Profile2(data_ids[name]) if profile2 else Profile5(data_ids[name])
    return J1850(arbitration_id) if "protection" in profile else Unprotected()


def _crc(data: bytes, polynomial: int, width: int) -> int:
    register = (1 << width) - 1
    for byte in data:
        register ^= byte << width - 8
        for _ in range(8):
            register <<= 1
            if register >> width:
                register ^= 1 << width | polynomial
    return register
