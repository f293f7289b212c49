"""The boot record of a board that was just flashed: slot a runs, and is not on trial.

It is what firmware/slots.py reads, in the two sectors of firmware/two_sectors.py.
"""

import struct
from binascii import crc32

from carport.install.partitions import SECTOR_BYTES

RECORD_BYTES = 2 * SECTOR_BYTES
ERASED = b"\xff" * RECORD_BYTES
"""No record: no slot runs, but what is frozen in, and without that MicroPython's REPL."""

_MAGIC = b"CBOT"
_FORMAT, _SLOT_A, _NOTHING, _CONFIRMED, _GOOD, _NO_CRASHES = 1, 1, 0, 255, 0, 0


def slot_a_runs() -> bytes:
    """Return the record's partition."""
    record = struct.pack(">BBBBBI", _FORMAT, _SLOT_A, _NOTHING, _CONFIRMED, _GOOD, _NO_CRASHES)
    entry = _MAGIC + struct.pack(">IH", 1, len(record)) + record
    entry += struct.pack(">I", crc32(entry))
    return entry.ljust(RECORD_BYTES, b"\xff")
