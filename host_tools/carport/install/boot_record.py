"""The boot record: which slot of a board runs, if any; once it was just flashed, slot a.

It is what firmware/slots.py reads, in the two sectors of firmware/two_sectors.py.
"""

import struct
from binascii import crc32

from carport.install.partitions import SECTOR_BYTES

RECORD_BYTES = 2 * SECTOR_BYTES

_MAGIC = b"CBOT"
_LENGTH = 9
_CRC_BYTES = 4
_ENTRY_BYTES = len(_MAGIC) + 6 + _LENGTH + _CRC_BYTES
_FORMAT, _SLOT_A, _NOTHING, _CONFIRMED, _GOOD, _NO_CRASHES = 1, 1, 0, 255, 0, 0


def slot_a_runs() -> bytes:
    """Return the record's partition."""
    record = struct.pack(">BBBBBI", _FORMAT, _SLOT_A, _NOTHING, _CONFIRMED, _GOOD, _NO_CRASHES)
    entry = _MAGIC + struct.pack(">IH", 1, len(record)) + record
    entry += struct.pack(">I", crc32(entry))
    return entry.ljust(RECORD_BYTES, b"\xff")


def active_slot(record: bytes) -> int:
    """Return which slot runs by the record's partition: 1 is a, 2 is b, 0 none of them."""
    newest, active = 0, _NOTHING
    for start in range(0, RECORD_BYTES, SECTOR_BYTES):
        entry = record[start : start + _ENTRY_BYTES]
        generation, length, kind, slot = struct.unpack_from(">IHBB", entry, len(_MAGIC))
        is_whole = struct.pack(">I", crc32(entry[:-_CRC_BYTES])) == entry[-_CRC_BYTES:]
        if entry.startswith(_MAGIC) and length == _LENGTH and is_whole and generation > newest:
            newest, active = generation, slot if kind == _FORMAT else _NOTHING
    return active
