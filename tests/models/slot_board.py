"""A board from its loader to `/update`, with slots on a flash chip that may fail. In CPython.

It differs from a real one: what is in a slot is not run. A payload that begins as a ROMFS image
counts as one that can be mounted.
"""

import errno
from collections.abc import Callable
from random import Random
from typing import Any

from firmware import slot_choice
from firmware.crash_log import CrashLog
from firmware.slot_writer import SlotWriter
from firmware.slots import Slots
from gateway import package
from gateway.coap import block
from gateway.coap.numbers import BLOCK1, GET, POST, PUT
from tests.models.host import Host, Response
from tests.models.packages import package_of
from tests.models.shell import Shell
from tests.power.chip import BLOCK_BYTES, ERASE, Chip, Partition

PIECE = 512
SLOT_BLOCKS = 4
CAPACITY = SLOT_BLOCKS * BLOCK_BYTES
ROMFS = b"\xd2\xcd\x31"

Fault = Callable[[str, int], str]
"""`fault(operation, address)`, of "read", "program" and "erase", returns what becomes of it: ""
if it is done, "raises", "fails" (a negative number is returned), or "is lost" (nothing is done,
and success is said)."""


class Part(Partition):
    """A partition whose operations may fail, and which nobody leaves."""

    def __init__(self, flash: "Flash", first: int, blocks: int) -> None:
        super().__init__(flash.chip, first, blocks)
        self._flash = flash
        self._begin = first

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        """Fill buffer from a block, beginning at offset."""
        become = self._fault("read", block, offset, len(buffer))
        return self._end(become) or super().readblocks(block, buffer, offset)

    def writeblocks(self, block: int, buffer: bytes, offset: int | None = None) -> int:
        """Program buffer into a block, beginning at offset."""
        assert offset is not None
        become = self._fault("program", block, offset, len(buffer))
        if become == "is lost":
            return 0
        return self._end(become) or super().writeblocks(block, buffer, offset)

    def ioctl(self, operation: int, argument: int) -> int | None:
        """Erase, wait until all is durable, or tell the size."""
        if operation == ERASE:
            become = self._fault("erase", argument, 0, BLOCK_BYTES)
            if become:
                return self._end(become)
        return super().ioctl(operation, argument)

    def _fault(self, operation: str, block: int, offset: int, size: int) -> str:
        end = block * BLOCK_BYTES + offset + size
        assert 0 <= block * BLOCK_BYTES + offset < end <= self._blocks * BLOCK_BYTES, "outside"
        return self._flash.fault(operation, (self._begin + block) * BLOCK_BYTES + offset)

    def _end(self, become: str) -> int:
        if become == "raises":
            raise OSError(errno.EIO)
        return -errno.EIO if become == "fails" else 0


class Flash:
    """A chip, its partitions, and what becomes of each operation; in the place of a port."""

    def __init__(self) -> None:
        self.chip = Chip(2 + 2 * SLOT_BLOCKS)
        self.fault: Fault = lambda operation, address: ""

    def open_slots(self, flash: str = "") -> Slots:
        boot, a, b = (Part(self, *place) for place in ((0, 2), (2, 4), (6, 4)))
        return Slots(boot, (a, b))

    def mount(self, device: Part, head: package.Head) -> None:
        magic = bytearray(len(ROMFS))
        device.readblocks(0, magic, package.HEAD_BYTES)
        if magic != ROMFS:
            raise OSError(errno.EINVAL)

    def start_watchdog(self) -> None:
        pass

    def content(self, slot: int) -> bytes:
        """Return what is in slot 1 or 2."""
        begin = (2 + (slot - 1) * SLOT_BLOCKS) * BLOCK_BYTES
        return bytes(self.chip.image[begin : begin + CAPACITY])


class SlotBoard:
    """A board that was started: by the loader, if anything runs.

    slot, is_trial: what the loader has chosen. flash, storage: what outlives a reboot.
    """

    def __init__(
        self, flash: Flash | None = None, storage: dict[str, bytes] | None = None
    ) -> None:
        self.flash = flash or Flash()
        try:
            self.slot, self.is_trial = slot_choice.mount_chosen(self.flash, "")
        except OSError:
            self.slot, self.is_trial = 0, False
        self.shell = Shell({} if storage is None else storage)
        self._slots: Slots | None = None
        self.opened = 0
        self.shell.gateway.attach_updates(self._open)

    def reboot(self) -> "SlotBoard":
        """Cut the power, and start again."""
        return SlotBoard(self.flash, self.shell.storage)

    def prove(self) -> None:
        """Confirm what runs."""
        self.slots.confirm()

    @property
    def slots(self) -> Slots:
        """The slots as the firmware sees them, opened when they are first needed."""
        if self._slots is None:
            self._slots = self.flash.open_slots()
        return self._slots

    def _open(self) -> SlotWriter:
        self.opened += 1
        return SlotWriter(self.slots, "emulator", CrashLog(), self.slot)


def make(size: int = 9000, seed: int = 1, begin: bytes = ROMFS, **fields: Any) -> bytes:
    """Return a package, of so many bytes with its head, that this interpreter could run."""
    payload = begin + Random(seed).randbytes(size - package.HEAD_BYTES - len(begin))
    return package_of(payload, **{"mpy": SlotWriter.mpy, **fields})


def hash_of(content: bytes) -> bytes:
    """Return the hash in a package's head."""
    return package.decode(content[: package.HEAD_BYTES]).sha256


def put(host: Host, content: bytes, num: int, **changes: Any) -> Response:
    """Send a block of a package; changes: of its num, more, szx, or piece."""
    block1 = {"num": num, "more": (num + 1) * PIECE < len(content), "szx": 5}
    piece = changes.pop("piece", content[num * PIECE : (num + 1) * PIECE])
    options = [(BLOCK1, block.encode(**{**block1, **changes}))]
    return host.request(PUT, ["update"], piece, options=options)


def send(host: Host, content: bytes) -> None:
    """Send all of a package."""
    for num in range(-(-len(content) // PIECE)):
        assert put(host, content, num).code >> 5 == 2


def activate(host: Host, content: bytes) -> Response:
    """Ask that a package is started."""
    return host.request(POST, ["update"], {"sha256": hash_of(content)})


def told(host: Host) -> dict[str, Any]:
    """Return what the board says of its firmware."""
    value: dict[str, Any] = host.request(GET, ["update"]).value
    return value


slot_choice.print = lambda *words: None  # type: ignore[attr-defined]
