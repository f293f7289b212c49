"""A small record in two sectors of flash, written in turn.

    entry = magic (4) | generation (4) | length (2) | payload | CRC-32 of all that (4)

A new entry goes to the sector that is erased, and then the old one's sector is erased. Whatever
moment the power is cut, the valid entry with the highest generation counts.
"""

import errno
from binascii import crc32
from struct import pack, unpack_from

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class BlockDevice(Protocol):
        """What MicroPython calls a block device, in its extended form."""

        def readblocks(self, __block: int, __buffer: bytearray, __offset: int) -> object: ...

        def writeblocks(self, __block: int, __buffer: bytes, __offset: int) -> object: ...

        def ioctl(self, __operation: int, __argument: int) -> int | None: ...


_HEAD_BYTES = const(10)
_CRC_BYTES = const(4)
_MAX_PAYLOAD_BYTES = const(1024)
_PIECE_BYTES = const(256)
_PROGRAM_BYTES = const(32)  # programmed at once: flash that is encrypted takes no less
_SYNC = const(3)
_SIZE = const(5)
_ERASE = const(6)


class TwoSectors:
    """A record of at most 1024 bytes on the first two blocks of a block device.

    magic: 4 bytes that tell its entries from others.
    """

    def __init__(self, device: "BlockDevice", magic: bytes) -> None:
        self._device = device
        self._magic = magic
        self._current = 0  # the sector with the entry; the other one is erased
        self._generation = 0

    def read(self) -> "bytes | None":
        """Return the payload, None if there is no entry; nothing is written.

        Raises:
            OSError: the flash is broken.
        """
        payload = None
        self._current = self._generation = 0
        for sector in (0, 1):
            entry = self._read(sector)
            if entry is not None and entry[0] > self._generation:
                self._generation, payload = entry
                self._current = sector
        return payload

    def save(self, payload: bytes) -> None:
        """Replace the payload, and destroy the old one; both are done on return.

        Raises:
            OSError: the flash is broken.
        """
        if len(payload) > _MAX_PAYLOAD_BYTES:
            raise ValueError("too long for a sector's record")
        if not self._generation:
            self.read()
        spare = 1 - self._current
        self._erase(spare)  # which it is, unless the last attempt failed
        generation = self._generation + 1
        entry = self._magic + pack(">IH", generation, len(payload)) + payload
        entry += pack(">I", crc32(entry) & 0xFFFFFFFF)
        entry += b"\xff" * (-len(entry) % _PROGRAM_BYTES)
        check(self._device.writeblocks(spare, entry, 0))
        check(self._device.ioctl(_SYNC, 0))
        if self._read(spare) != (generation, payload):
            raise OSError(errno.EIO)
        old = self._current
        self._current = spare
        self._generation = generation
        self._erase(old)

    def erase(self) -> None:
        """Erase both sectors.

        Raises:
            OSError: the flash is broken.
        """
        self._erase(1 - self._current)
        self._erase(self._current)
        self._generation = 0

    def _read(self, sector: int) -> "tuple[int, bytes] | None":
        """Return the generation and the payload of a sector's entry, None if it has none."""
        head = bytearray(_HEAD_BYTES)
        check(self._device.readblocks(sector, head, 0))
        generation, length = unpack_from(">IH", head, len(self._magic))
        if bytes(head[: len(self._magic)]) != self._magic or length > _MAX_PAYLOAD_BYTES:
            return None
        entry = bytearray(_HEAD_BYTES + length + _CRC_BYTES)
        check(self._device.readblocks(sector, entry, 0))
        end = _HEAD_BYTES + length
        if unpack_from(">I", entry, end)[0] != crc32(entry[:end]) & 0xFFFFFFFF:
            return None
        return generation, bytes(entry[_HEAD_BYTES:end])

    def _erase(self, sector: int) -> None:
        """Erase a sector, unless it is erased: to look takes much less time."""
        if is_erased(self._device, sector, 0, self._device.ioctl(_SIZE, 0) or 0):
            return
        check(self._device.ioctl(_ERASE, sector))
        check(self._device.ioctl(_SYNC, 0))


def is_erased(device: "BlockDevice", block: int, start: int, size: int) -> bool:
    """Tell whether so many bytes of a block, a multiple of 256, are erased.

    Raises:
        OSError: the flash is broken.
    """
    piece = bytearray(_PIECE_BYTES)
    erased = b"\xff" * _PIECE_BYTES
    for offset in range(start, start + size, _PIECE_BYTES):
        check(device.readblocks(block, piece, offset))
        if piece != erased:
            return False
    return True


def check(result: object) -> None:
    """Raise if a block device written in Python says that it failed; others raise themselves.

    Raises:
        OSError: it did.
    """
    if type(result) is int and result < 0:
        raise OSError(-result)
