"""The emulated board's flash chip from outside; see firmware/ports/unix/flash.py."""

from pathlib import Path

from carport.install.boot_record import ERASED, RECORD_BYTES, active_slot
from gateway import package
from gateway.errors import DecodeError

_BOOT_AT = 512 * 4096
_SLOTS_AT = (0, 514 * 4096, 594 * 4096)


def slot_bytes(flash: Path) -> int:
    """Return the size of the code and the files in the slot that is to run, 0 if none is."""
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
            return package.decode(image.read(package.HEAD_BYTES)).size
        except DecodeError:
            return 0


def forget_updates(flash: Path) -> None:
    """Let this installation's own firmware run, whatever lies in the slots."""
    if flash.exists() and flash.stat().st_size > _BOOT_AT:
        with flash.open("r+b") as image:
            image.seek(_BOOT_AT)
            image.write(ERASED)
