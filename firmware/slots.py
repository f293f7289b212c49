"""The two slots of the flash that hold a package each, and the record of which one is to run.

    record = format (1) | active (1) | previous (1) | tries (1) | outcome (1) | crashes (4)

    active     what runs: 0 what was flashed, 1 slot a, 2 slot b
    previous   what ran before, and runs again if the active one fails
    tries      how many starts are left to it, 255 once it is confirmed
    outcome    of the last update: 0 good or under way, 1 it did not prove itself, 2 it is damaged
    crashes    how many there had been when it was activated

A slot that is not confirmed is on trial. The loader takes a try away, durably, before it runs any
of its code, so whatever ends a start, even a cut of the power, counts; the firmware confirms the
slot once it is well (firmware/trial.py). No tries left, or a hash that is wrong: back to the
previous one, for good.

The loader and the firmware that it starts both use this, each its own copy: the layout stays.
"""

import hashlib
from struct import pack, unpack

from firmware.two_sectors import TwoSectors, check
from gateway import package
from gateway.const import const
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.two_sectors import BlockDevice
    from gateway.package import Head

FACTORY = 0
SLOTS = (1, 2)
NAMES = ("factory", "a", "b")
BLOCK_BYTES = 4096
MOUNT = "/slot"

CONFIRMED = 255
TRIES = 2
UNPROVEN = 1
DAMAGED = 2

_MAGIC = b"CBOT"
_FORMAT = const(1)
_LAYOUT = ">BBBBBI"
_RECORD_BYTES = const(9)
_COUNT = const(4)
_PIECE_BYTES = const(512)


class Slots:
    """The slots, as they stand in the flash; the attributes are the record's.

    boot: the block device of the record; slots: those of a and b. is_durable: the attributes are
    in the flash, unless to save them has failed.

    Raises:
        OSError: the flash is broken.
    """

    def __init__(self, boot: "BlockDevice", slots: "tuple[BlockDevice, BlockDevice]") -> None:
        self._store = TwoSectors(boot, _MAGIC)
        self._slots = slots
        self.active = self.previous = FACTORY
        self.tries = CONFIRMED
        self.outcome = self.crashes = 0
        self.is_durable = True
        record = self._store.read()
        if record is None or len(record) != _RECORD_BYTES:
            return
        kind, active, previous, tries, outcome, crashes = unpack(_LAYOUT, record)
        if kind == _FORMAT and active < len(NAMES) and previous < len(NAMES):
            self.active, self.previous, self.tries = active, previous, tries
            self.outcome, self.crashes = outcome, crashes

    @property
    def is_trial(self) -> bool:
        """Whether the active slot still has to prove itself."""
        return self.tries != CONFIRMED

    def save(self) -> None:
        """Make the attributes durable.

        Raises:
            OSError: the flash is broken.
        """
        record = pack(
            _LAYOUT,
            _FORMAT,
            self.active,
            self.previous,
            self.tries,
            self.outcome,
            self.crashes,
        )
        self.is_durable = False
        self._store.save(record)
        self.is_durable = True

    def activate(self, slot: int, running: int, crashes: int) -> None:
        """Let a slot run from the next start on, on trial.

        Raises:
            OSError: the flash is broken; the attributes have changed all the same.
        """
        self.active, self.previous = slot, running
        self.tries, self.outcome, self.crashes = TRIES, 0, crashes
        self.save()

    def confirm(self) -> None:
        """Let the active slot run from now on: it has proven itself.

        Raises:
            OSError: the flash is broken; it counts as on trial still.
        """
        tries = self.tries
        self.tries = CONFIRMED
        try:
            self.save()
        except OSError:
            self.tries = tries
            raise

    def go_back(self, outcome: int) -> None:
        """Let what ran before run again: for good, or with an outcome of 0 in this start alone.

        Raises:
            OSError: the flash is broken; the attributes have changed all the same.
        """
        self.active, self.previous, self.tries = self.previous, FACTORY, CONFIRMED
        if outcome:
            self.outcome = outcome
            self.save()

    def device(self, slot: int) -> "BlockDevice":
        """Return a slot's block device."""
        return self._slots[slot - 1]

    def capacity(self, slot: int) -> int:
        """Return how many bytes fit a slot."""
        return (self.device(slot).ioctl(_COUNT, 0) or 0) * BLOCK_BYTES

    def head(self, slot: int) -> "Head | None":
        """Return the head of a slot's package, None if there is none that fits the slot.

        Raises:
            OSError: the flash is broken.
        """
        data = bytearray(package.HEAD_BYTES)
        check(self.device(slot).readblocks(0, data, 0))
        try:
            head = package.decode(data)
        except DecodeError:
            return None
        return head if head.package_bytes <= self.capacity(slot) else None

    def is_whole(self, slot: int, head: "Head") -> bool:
        """Tell whether a slot holds the payload that its head is of.

        Raises:
            OSError: the flash is broken.
        """
        device = self.device(slot)
        digest = hashlib.sha256()
        piece = bytearray(_PIECE_BYTES)
        for at in range(package.HEAD_BYTES, head.package_bytes, _PIECE_BYTES):
            check(device.readblocks(at // BLOCK_BYTES, piece, at % BLOCK_BYTES))
            digest.update(memoryview(piece)[: head.package_bytes - at])
        found: bytes = digest.digest()
        return found == head.sha256
