"""Flips bytes of the flash under the loader, and sees which slot it starts. Runs in the VM."""

from firmware.slots import SLOTS
from tests.power.chip import BLOCK_BYTES, Chip
from tests.power.slots import BOOT_BLOCKS, Port, choose

A, B = SLOTS


class Bench:
    """A chip with a package in each slot; that in b is to run, and that in a ran before."""

    def make(self, in_a: bytes, in_b: bytes) -> None:
        """Take a new chip, with slots that are just large enough."""
        blocks = max(len(in_a), len(in_b)) // BLOCK_BYTES + 1
        self.chip = Chip(BOOT_BLOCKS + 2 * blocks)
        self.port = Port(self.chip, 0, blocks)
        self._begins = (0, BOOT_BLOCKS * BLOCK_BYTES, (BOOT_BLOCKS + blocks) * BLOCK_BYTES)
        for slot, content in ((A, in_a), (B, in_b)):
            begin = self._begins[slot]
            self.chip.image[begin : begin + len(content)] = content
        slots = self.port.open_slots()
        slots.active, slots.previous = B, A
        slots.save()
        self._record = bytes(self.chip.image[: BOOT_BLOCKS * BLOCK_BYTES])

    def flip(self, slot: int, offset: int, mask: int) -> "tuple[int, bool]":
        """Return what is started with a byte changed: of a slot, or with 0 of the record."""
        address = self._begins[slot] + offset
        self.chip.image[address] ^= mask
        chosen = choose(self.port)
        self.chip.image[address] ^= mask
        self.chip.image[: len(self._record)] = self._record
        self.chip.journal.clear()
        return chosen

    def flip_each(self, slot: int, first: int, end: int, step: int) -> "list[int]":
        """Return the offsets of a slot where a changed byte does not bring the other one back."""
        other = (A + B - slot, False)
        return [
            offset
            for offset in range(first, end, step)
            if self.flip(slot, offset, 1 << offset * 5 % 8) != other
        ]

    def record_bytes(self) -> int:
        """Return how many bytes the record's two sectors have."""
        return len(self._record)


bench = Bench()
