"""What protects a frame: its checksum, whether it is right, and filling it in.

    ID_CRC8       CRC-8 SAE J1850 over the ID's low and high byte, then the data without the
                  checksum's own byte
    ID_SUM        the same bytes added up, the low 8 bits of that
    E2E_2         AUTOSAR E2E profile 2: CRC-8H2F in byte 0 over the other bytes, then one of 16
                  data IDs: the one of the counter, the low half of byte 1
    E2E_5         AUTOSAR E2E profile 5: CRC-16 in bytes 0 and 1, the low byte first, over the
                  other bytes, then the data ID, its low byte first; the counter is byte 2

Source: AUTOSAR, E2E Protocol Specification; offset 0 and fixed lengths.
"""

from gateway.can import crc
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from gateway.can.signal import Buffer

    class Protection(Protocol):
        """matches: whether a frame's checksum is right. fill: make it right in a buffer."""

        def matches(self, data: Buffer) -> bool: ...
        def fill(self, buffer: bytearray) -> None: ...


ID_CRC8 = const(0)
ID_SUM = const(1)
E2E_2 = const(2)
E2E_5 = const(3)


def make_protection(row: "list[Any] | None", arbitration_id: int) -> "Protection | None":
    """Return the protection that a compiled profile's [kind, checksum's byte, data IDs] means."""
    if row is None:
        return None
    kind, position, data_ids = row
    if kind == ID_CRC8:
        return IdCrc8(arbitration_id, position)
    if kind == ID_SUM:
        return IdSum(arbitration_id, position)
    return E2EProfile2(data_ids) if kind == E2E_2 else E2EProfile5(data_ids)


class IdCrc8:
    """ID_CRC8, in the byte at position."""

    def __init__(self, arbitration_id: int, position: int) -> None:
        self._position = position
        self._table = table = crc.crc8_table(crc.SAE_J1850)
        self._start = table[table[0xFF ^ (arbitration_id & 0xFF)] ^ (arbitration_id >> 8 & 0xFF)]

    def matches(self, data: "Buffer") -> bool:
        return data[self._position] == self._checksum(data)

    def fill(self, buffer: bytearray) -> None:
        buffer[self._position] = self._checksum(buffer)

    def _checksum(self, data: "Buffer") -> int:
        table = self._table
        register = self._start
        for i in range(len(data)):
            if i != self._position:
                register = table[register ^ data[i]]
        return register ^ 0xFF


class IdSum:
    """ID_SUM, in the byte at position."""

    def __init__(self, arbitration_id: int, position: int) -> None:
        self._position = position
        self._start = (arbitration_id & 0xFF) + (arbitration_id >> 8 & 0xFF)

    def matches(self, data: "Buffer") -> bool:
        return data[self._position] == self._checksum(data)

    def fill(self, buffer: bytearray) -> None:
        buffer[self._position] = self._checksum(buffer)

    def _checksum(self, data: "Buffer") -> int:
        total = self._start - data[self._position]
        for byte in data:
            total += byte
        return total & 0xFF


class E2EProfile2:
    """E2E_2; data_ids: 16 bytes."""

    def __init__(self, data_ids: bytes) -> None:
        self._data_ids = data_ids
        self._table = crc.crc8_table(crc.H2F)

    def matches(self, data: "Buffer") -> bool:
        return data[0] == self._checksum(data)

    def fill(self, buffer: bytearray) -> None:
        buffer[0] = self._checksum(buffer)

    def _checksum(self, data: "Buffer") -> int:
        table = self._table
        register = 0xFF
        for i in range(1, len(data)):
            register = table[register ^ data[i]]
        return table[register ^ self._data_ids[data[1] & 15]] ^ 0xFF


class E2EProfile5:
    """E2E_5; data_id: its 2 bytes, the low one first."""

    def __init__(self, data_id: bytes) -> None:
        self._data_id = data_id
        self._table = crc.crc16_table(crc.CCITT)

    def matches(self, data: "Buffer") -> bool:
        register = self._checksum(data)
        return data[0] == register & 0xFF and data[1] == register >> 8

    def fill(self, buffer: bytearray) -> None:
        register = self._checksum(buffer)
        buffer[0] = register & 0xFF
        buffer[1] = register >> 8

    def _checksum(self, data: "Buffer") -> int:
        register = 0xFFFF
        for i in range(2, len(data)):
            register = self._next(register, data[i])
        return self._next(self._next(register, self._data_id[0]), self._data_id[1])

    def _next(self, register: int, byte: int) -> int:
        byte ^= register >> 8
        return (register & 0xFF ^ self._table[byte]) << 8 | self._table[byte + 256]
