"""Runs in the VM: the loader's check of a package in slot a, again and again, timed."""

import time

from firmware.ports.unix.flash import Flash, open_slots
from firmware.slots import BLOCK_BYTES, SLOTS

_PIECE_BYTES = 512


def main(image: str, package: str, rounds: str) -> None:
    """Put the package, a file, into a new flash image; print how long each check took, in us."""
    slots = open_slots(Flash(image))
    slot = SLOTS[0]
    device = slots.device(slot)
    with open(package, "rb") as file:
        at = 0
        while piece := file.read(_PIECE_BYTES):
            device.writeblocks(at // BLOCK_BYTES, piece, at % BLOCK_BYTES)
            at += len(piece)
    for _ in range(int(rounds)):
        begun_us = time.ticks_us()  # type: ignore[attr-defined]
        head = slots.head(slot)
        assert head is not None
        assert slots.is_whole(slot, head)
        print(time.ticks_diff(time.ticks_us(), begun_us))  # type: ignore[attr-defined]
