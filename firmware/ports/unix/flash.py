"""A flash chip as a file: the block device under littlefs.

Programming flips bits from 1 to 0 only, and erasing a block sets them all: as in the real chip,
bytes that were not erased cannot be programmed. An erasure may take its time, in which the whole
program stands still, as on an ESP32, which runs from the same chip. That programming takes time
too, and that the chip wears out, is not modelled.

    block 0      the file system
    block 510    carport_keys: the root              firmware/key_partition.py
    block 512    carport_boot: which slot is to run  firmware/slots.py
    block 514    carport_a, carport_b: the slots, of 80 blocks each
"""

import errno
import os
import time

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.slots import Slots

BLOCK_BYTES = 4096
BLOCKS = 674

FILES = (0, 510)  # first block, number of blocks
KEYS = (510, 2)
_BOOT = (512, 2)
_SLOTS = ((514, 80), (594, 80))

_SYNC = const(3)
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)


class Flash:
    """MicroPython's block device, in its extended form, on an image file.

    What the file lacks is added, erased. erase_ms: how long it takes to erase a block.
    """

    def __init__(self, path: str, blocks: int = BLOCKS, erase_ms: int = 0) -> None:
        self._erase_ms = erase_ms
        self._blocks = blocks
        self._erased = b"\xff" * BLOCK_BYTES
        try:
            size = os.stat(path)[6]
        except OSError:
            size = 0
        if size < blocks * BLOCK_BYTES:
            with open(path, "ab") as image:
                for _ in range(size // BLOCK_BYTES, blocks):
                    image.write(self._erased)
        self._file = open(path, "r+b", 0)  # noqa: SIM115 - for as long as the program runs

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        """Fill buffer from a block, beginning at offset."""
        self._file.seek(block * BLOCK_BYTES + offset)
        return 0 if self._file.readinto(buffer) == len(buffer) else -errno.EIO

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> int:
        """Program buffer into a block, beginning at offset; with none, erase first."""
        if offset is None:
            for i in range(len(buffer) // BLOCK_BYTES):
                self._erase(block + i)
            offset = 0
        start = block * BLOCK_BYTES + offset
        self._file.seek(start)
        if self._file.read(len(buffer)) != self._erased[: len(buffer)]:
            return -errno.EIO
        self._file.seek(start)
        return 0 if self._file.write(buffer) == len(buffer) else -errno.EIO

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Erase, wait until all is durable, or tell the size."""
        if operation == _COUNT:
            return self._blocks
        if operation == _SIZE:
            return BLOCK_BYTES
        if operation == _ERASE:
            self._erase(argument)
            return 0
        if operation == _SYNC:
            self._file.flush()  # fsync, in MicroPython
            return 0
        return None

    def _erase(self, block: int) -> None:
        time.sleep_ms(self._erase_ms)
        self._file.seek(block * BLOCK_BYTES)
        self._file.write(self._erased)


class Partition:
    """So many blocks of a chip, from `first` on, as a block device of its own."""

    def __init__(self, flash: Flash, first: int, blocks: int) -> None:
        self._flash = flash
        self._first = first
        self._blocks = blocks

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        """Fill buffer from a block, beginning at offset."""
        return self._flash.readblocks(self._first + block, buffer, offset)

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> int:
        """Program buffer into a block, beginning at offset; with none, erase first."""
        return self._flash.writeblocks(self._first + block, buffer, offset)

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Do what the chip does, within these blocks."""
        if operation == _COUNT:
            return self._blocks
        if operation == _ERASE:
            argument += self._first
        return self._flash.ioctl(operation, argument)


def open_slots(flash: Flash) -> "Slots":
    """Return the slots.

    Raises:
        OSError: the flash is broken.
    """
    from firmware.slots import Slots

    boot, a, b = [Partition(flash, *place) for place in (_BOOT,) + _SLOTS]
    return Slots(boot, (a, b))
