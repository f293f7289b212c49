"""The slots of a PC's flash chip, for the loader; its settings are still on stdin."""

import sys

import vfs

from firmware.ports.unix.flash import Flash
from firmware.ports.unix.flash import open_slots as slots_of
from firmware.slots import BLOCK_BYTES, MOUNT
from firmware.two_sectors import check
from gateway.package import HEAD_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.slots import Slots
    from firmware.two_sectors import BlockDevice
    from gateway.package import Head


def open_slots(flash: str) -> "Slots":
    """Return the slots on the chip whose image file this is.

    Raises:
        OSError: it cannot be read.
    """
    return slots_of(Flash(flash))


def mount(device: "BlockDevice", head: "Head") -> None:
    """Let the modules of a package be imported, before all others.

    The image lies in the heap, which the emulator has made larger by it: on a board it lies in
    flash.
    """
    image = bytearray(head.size)
    view = memoryview(image)
    at = HEAD_BYTES
    while at < head.package_bytes:
        offset = at % BLOCK_BYTES
        piece = view[at - HEAD_BYTES : at - HEAD_BYTES + BLOCK_BYTES - offset]
        check(device.readblocks(at // BLOCK_BYTES, piece, offset))  # type: ignore[arg-type]
        at += BLOCK_BYTES - offset
    vfs.mount(vfs.VfsRom(image), MOUNT)  # type: ignore[attr-defined]
    sys.path.insert(0, MOUNT)


def start_watchdog() -> None:
    """Let the emulator restart a board that hangs from now on."""
    print("fed")
