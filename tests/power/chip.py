"""A NOR flash chip in RAM that keeps a journal of what is done to it. Runs in the VM.

As the real one it is programmed from 1 to 0 only, what is programmed twice is the AND of both, and
erasing a block sets all its bits. Where it differs: nothing takes time, nothing wears out, and a
bit that was half programmed or half erased reads the same each time.
"""

import errno

BLOCK_BYTES = 4096

SYNC = 3
COUNT = 4
SIZE = 5
ERASE = 6


class Chip:
    """The chip; `journal` has (address, bytes) for each operation, with None for an erasure."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.image = bytearray(b"\xff" * (blocks * BLOCK_BYTES))
        self.journal: list[tuple[int, bytes | None]] = []
        self._erased = b"\xff" * BLOCK_BYTES

    def program(self, address: int, data: bytes) -> None:
        """Clear the bits that are 0 in data."""
        data = bytes(data)
        end = address + len(data)
        old = self.image[address:end]
        if old == self._erased[: len(data)]:
            self.image[address:end] = data
        else:
            both = [had & wanted for had, wanted in zip(old, data)]  # noqa: B905
            self.image[address:end] = bytes(both)
        self.journal.append((address, data))

    def erase(self, block: int) -> None:
        """Set all bits of a block."""
        address = block * BLOCK_BYTES
        self.image[address : address + BLOCK_BYTES] = self._erased
        self.journal.append((address, None))


class Partition:
    """Some blocks of a chip, as MicroPython's block device in its extended form."""

    def __init__(self, chip: Chip, first: int, blocks: int) -> None:
        self._chip = chip
        self._first = first
        self._blocks = blocks

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        """Fill buffer from a block, beginning at offset."""
        address = (self._first + block) * BLOCK_BYTES + offset
        buffer[:] = memoryview(self._chip.image)[address : address + len(buffer)]
        return 0

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> int:
        """Program buffer into a block, beginning at offset; with none, erase first."""
        if not 0 <= block < self._blocks:
            return -errno.EINVAL
        block += self._first
        if offset is None:
            for index in range(len(buffer) // BLOCK_BYTES):
                self._chip.erase(block + index)
            offset = 0
        self._chip.program(block * BLOCK_BYTES + offset, buffer)
        return 0

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Erase, wait until all is durable, or tell the size."""
        if operation == COUNT:
            return self._blocks
        if operation == SIZE:
            return BLOCK_BYTES
        if operation == ERASE:
            self._chip.erase(self._first + argument)
            return 0
        return 0 if operation == SYNC else None
