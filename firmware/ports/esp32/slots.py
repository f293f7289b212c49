"""The slots in an ESP32's flash, by their partitions' labels, for the loader and for updates.

Not run on a board yet.
"""

import sys

import machine
import vfs

from firmware.ports.esp32.partition import partition
from firmware.ports.esp32.slot_files import SlotFiles
from firmware.slots import MOUNT, Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.two_sectors import BlockDevice
    from gateway.package import Head

_BOOT = "carport_boot"
_SLOTS = ("carport_a", "carport_b")
_FROZEN = ".frozen"
_WATCHDOG_MS = 60_000  # for the start of a firmware on trial, which then sets its own


def open_slots(flash: str = "") -> Slots:
    """Return the slots.

    Raises:
        OSError: the partition table has none, or the flash is broken.
    """
    boot, a, b = [partition(label) for label in (_BOOT,) + _SLOTS]
    return Slots(boot, (a, b))


def mount(device: "BlockDevice", head: "Head") -> None:
    """Let the modules of a package be imported; those that are frozen go before."""
    is_frozen = not __file__.startswith("/")
    vfs.mount(SlotFiles(device, without_code=is_frozen), MOUNT, readonly=True)
    sys.path.insert(sys.path.index(_FROZEN) + 1 if _FROZEN in sys.path else 0, MOUNT)


def start_watchdog() -> None:
    """Restart a board that hangs from now on."""
    machine.WDT(timeout=_WATCHDOG_MS)
