"""The real loader on the chip: which slot it starts, without starting it. Runs in the VM."""

import os
import sys

import vfs  # type: ignore[import-not-found]

from firmware import slot_choice
from firmware.ports.unix.slots import mount
from firmware.slots import MOUNT, Slots
from tests.power.chip import Chip, Partition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.two_sectors import BlockDevice
    from gateway.package import Head

BOOT_BLOCKS = 2
SLOT_BLOCKS = 4


class Port:
    """In the place of firmware/ports/*/slots.py: the slots of a chip in RAM, from a block on."""

    def __init__(self, chip: Chip, first: int, slot_blocks: int = SLOT_BLOCKS) -> None:
        self._chip = chip
        self._first = first
        self._slot_blocks = slot_blocks

    def open_slots(self, flash: str = "") -> Slots:
        boot = Partition(self._chip, self._first, BOOT_BLOCKS)
        first = self._first + BOOT_BLOCKS
        a = Partition(self._chip, first, self._slot_blocks)
        b = Partition(self._chip, first + self._slot_blocks, self._slot_blocks)
        return Slots(boot, (a, b))

    def mount(self, device: "BlockDevice", head: "Head") -> None:
        mount(device, head)
        sys.path.remove(MOUNT)  # what is there runs nowhere here

    def start_watchdog(self) -> None:
        pass


def choose(port: Port) -> "tuple[int, bool]":
    """Return which slot the loader would start now, 0 for none, and whether it is on trial."""
    if MOUNT[1:] in os.listdir("/"):
        vfs.umount(MOUNT)
    return slot_choice.mount_chosen(port, "")


slot_choice.print = lambda *words: None  # type: ignore[attr-defined]  # stdout is the tests' own
