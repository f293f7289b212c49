"""The emulated board's flash chip from outside; see firmware/ports/unix/flash.py."""

from pathlib import Path
from typing import BinaryIO

from carport.install.boot_record import RECORD_BYTES, active_slot
from carport.install.partitions import SLOT_BYTES
from gateway import package
from gateway.errors import DecodeError

_BOOT_AT = 512 * 4096
_SLOTS_AT = (514 * 4096, 594 * 4096)


def slot_heap_bytes(flash: Path) -> int:
    """Return what the files of the larger slot take in the VM's heap, 0 if none is to run.

    Which of the two runs, the loader finds out. The collector has 3 bits for each 32 bytes.
    """
    if not flash.exists():
        return 0
    with flash.open("rb") as image:
        image.seek(_BOOT_AT)
        record = image.read(RECORD_BYTES)
        if len(record) < RECORD_BYTES or not active_slot(record):
            return 0
        size = max(_payload_bytes(image, at) for at in _SLOTS_AT)
    return size + size * 3 // (8 * 32)


def forget_updates(flash: Path) -> None:
    """Let this installation's own firmware run, whatever lies in the slots."""
    if flash.exists() and flash.stat().st_size > _BOOT_AT:
        with flash.open("r+b") as image:
            image.seek(_BOOT_AT)
            image.write(b"\xff" * RECORD_BYTES)


def _payload_bytes(image: BinaryIO, at: int) -> int:
    image.seek(at)
    try:
        return min(package.decode(image.read(package.HEAD_BYTES)).size, SLOT_BYTES)
    except DecodeError:
        return 0
