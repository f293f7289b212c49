"""Writes a package into the slot that does not run; see Writer in gateway/resources/update.py.

Pieces of 512 bytes are programmed one after the other into sectors that are erased one at a time:
each with the second piece of the one before, so that behind what has arrived there is always an
erased piece. By that the next run of the board finds where it ended. The sector with the last
piece may be torn, and is written again.
"""

import sys

from firmware.slots import BLOCK_BYTES, FACTORY, NAMES, SLOTS, TRIES, UNPROVEN
from firmware.two_sectors import check, is_erased
from gateway.const import const
from gateway.package import HEAD_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.crash_log import CrashLog
    from firmware.slots import Slots
    from gateway.package import Head

_SYNC = const(3)
_ERASE = const(6)
_PIECE_BYTES = HEAD_BYTES
_HELD_BYTES = const(128)  # read back at a time: the heap is full of holes


class SlotWriter:
    """The slot that does not run.

    board: which board this is. crashes: what tells why an update was rolled back.
    running: the slot that the loader has started; another one than the record's if that failed.

    Raises:
        OSError: the flash is broken.
    """

    is_frozen = not __file__.startswith("/")
    mpy = getattr(sys.implementation, "_mpy", 0) & 0xFF  # CPython loads none

    def __init__(
        self, slots: "Slots", board: str, crashes: "CrashLog", running: int = FACTORY
    ) -> None:
        self.board = board
        self._slots = slots
        self._crashes = crashes
        self._running = running
        self.running = NAMES[running]
        runs = slots.head(running) if running else None
        self.sha256 = b"" if runs is None else runs.sha256
        self.rolled_back = _why(slots, crashes)
        proven = slots.previous if slots.is_trial else slots.active
        in_use = running or proven or slots.previous
        self._slot = SLOTS[1] if in_use == SLOTS[0] else SLOTS[0]
        self._device = slots.device(self._slot)
        self.capacity = slots.capacity(self._slot)
        self.received = 0
        self._held = bytearray(_HELD_BYTES)
        self.head: Head | None = None
        if self._slot != slots.previous:
            self.head = slots.head(self._slot)
            self.received = self._find_end()

    @property
    def is_trial(self) -> bool:
        """Whether what runs has still to prove itself."""
        return self._slots.is_trial and self._slots.active == self._running

    def begin(self, data: bytes, head: "Head") -> None:
        """Begin a package with its head, of 512 bytes, in place of what was in the slot.

        Raises:
            OSError: the flash is broken.
        """
        self.head = None
        slots = self._slots
        is_in_record = self._slot in (slots.active, slots.previous)
        if is_in_record or slots.outcome or not slots.is_durable:
            slots.outcome = 0
            if slots.active == self._slot:
                slots.go_back(0)
            if slots.previous == self._slot:
                slots.previous = FACTORY
            slots.save()
        self.rolled_back = ""
        self.received = 0
        self.write(data)
        self.head = head

    def write(self, piece: bytes) -> None:
        """Write the next piece.

        Raises:
            OSError: the flash is broken.
        """
        block, offset = divmod(self.received, BLOCK_BYTES)
        if offset == 0:
            self._erase(block)
        elif offset == _PIECE_BYTES and (block + 1) * BLOCK_BYTES < self.capacity:
            self._erase(block + 1)
        padding = _PIECE_BYTES - len(piece)
        padded = piece + b"\xff" * padding if padding else piece
        check(self._device.writeblocks(block, padded, offset))
        check(self._device.ioctl(_SYNC, 0))
        if not self.holds(self.received, piece):
            raise OSError("what was written is not there")
        self.received += len(piece)

    def holds(self, offset: int, piece: bytes) -> bool:
        """Tell whether the slot holds this piece.

        Raises:
            OSError: the flash is broken.
        """
        held = self._held
        for at in range(0, len(piece), _HELD_BYTES):
            block, begin = divmod(offset + at, BLOCK_BYTES)
            check(self._device.readblocks(block, held, begin))
            part = piece[at : at + _HELD_BYTES]
            if held[: len(part)] != part:
                return False
        return True

    def is_whole(self) -> bool:
        """Tell whether the payload is what the head says.

        Raises:
            OSError: the flash is broken.
        """
        return self.head is not None and self._slots.is_whole(self._slot, self.head)

    def discard(self) -> None:
        """Forget what has arrived.

        Raises:
            OSError: the flash is broken.
        """
        self.head = None
        self.received = 0
        self._erase(0)

    def activate(self) -> None:
        """Let the slot run from the next start on, on trial.

        Raises:
            OSError: the flash is broken; if it can be written again, what runs will run.
        """
        slots = self._slots
        try:
            slots.activate(self._slot, self._running, self._crashes.count)
        except OSError:
            slots.go_back(0)
            slots.save()
            raise

    def _erase(self, block: int) -> None:
        if not is_erased(self._device, block, 0, BLOCK_BYTES):
            check(self._device.ioctl(_ERASE, block))
            check(self._device.ioctl(_SYNC, 0))

    def _find_end(self) -> int:
        """Return how much of the package is surely in the slot.

        What did not prove itself was whole. To hash it takes as long as an erasure, and it stays.
        """
        head = self.head
        if head is None:
            return 0
        if self._slots.outcome == UNPROVEN or self._slots.is_whole(self._slot, head):
            return head.package_bytes
        end = HEAD_BYTES
        while end < head.package_bytes and not is_erased(
            self._device, end // BLOCK_BYTES, end % BLOCK_BYTES, _PIECE_BYTES
        ):
            end += _PIECE_BYTES
        sure = (end - 1) // BLOCK_BYTES * BLOCK_BYTES
        if not sure:
            self.head = None
        return sure


def _why(slots: "Slots", crashes: "CrashLog") -> str:
    """Return why the last update was given up, "" if it was not."""
    if not slots.outcome:
        return ""
    if slots.outcome != UNPROVEN:
        return "its package was damaged in the flash"
    if 0 < crashes.count - slots.crashes <= TRIES and crashes.last is not None:
        return "it did not prove itself: " + str(crashes.last.get("reason"))
    return "it did not prove itself: it did not start, or its power was cut"
