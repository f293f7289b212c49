"""The emulated board's flash chip from outside; see firmware/ports/unix/flash.py."""

from pathlib import Path

from carport.install.boot_record import ERASED, RECORD_BYTES, active_slot
from gateway import package
from gateway.errors import DecodeError

_BOOT_AT = 512 * 4096
_SLOTS_AT = (0, 514 * 4096, 594 * 4096)


def slot_heap_bytes(flash: Path) -> int:
    """Return what the files of the slot that is to run take in the VM's heap, 0 if none is.

    The collector has 3 bits for each 32 bytes.
    """
    if not flash.exists():
        return 0
    with flash.open("rb") as image:
        image.seek(_BOOT_AT)
        record = image.read(RECORD_BYTES)
        slot = active_slot(record) if len(record) == RECORD_BYTES else 0
        if not 0 < slot < len(_SLOTS_AT):
            return 0
        image.seek(_SLOTS_AT[slot])
        try:
            size = package.decode(image.read(package.HEAD_BYTES)).size
        except DecodeError:
            return 0
    return size + size * 3 // (8 * 32)


def forget_updates(flash: Path) -> None:
    """Let this installation's own firmware run, whatever lies in the slots."""
    if flash.exists() and flash.stat().st_size > _BOOT_AT:
        with flash.open("r+b") as image:
            image.seek(_BOOT_AT)
            image.write(ERASED)
