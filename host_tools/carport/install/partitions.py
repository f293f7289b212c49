"""The partition table of an ESP32: Carport's own, and the one that a board has.

    entry = AA 50 | type | subtype | offset (4) | size (4) | label (16) | flags (4)
    table = entries | EB EB, 14 times FF, MD5 of the entries | FF to the end

Labels end with zeros, numbers are little-endian. The table lies at 0x8000, whatever the chip, and
takes a sector.

Source: ESP-IDF Programming Guide, "Partition Tables"; components/partition_table.
"""

import hashlib
import struct
from dataclasses import dataclass

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0x1000
SECTOR_BYTES = 0x1000
SMALLEST_FLASH_MIB = 4
SLOT_BYTES = 0x50000
"""Of each of the two that hold a package; the emulated flash chip's have the same size."""

_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_ENTRIES_BYTES = 0xC00
_APP, _DATA = 0, 1


class TableError(Exception):
    """These bytes are no partition table; the text says why."""


@dataclass(frozen=True)
class Partition:
    """One partition; offset and size in bytes."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int
    flags: int = 0

    @property
    def is_app(self) -> bool:
        """Whether it holds a program for the chip."""
        return self.type == _APP


_FIXED = (
    Partition("nvs", _DATA, 0x02, 0x9000, 0x6000),
    Partition("phy_init", _DATA, 0x01, 0xF000, 0x1000),
    Partition("factory", _APP, 0x00, 0x10000, 0x1F0000),
    Partition("carport_keys", _DATA, 0x40, 0x200000, 0x2000),
    Partition("carport_boot", _DATA, 0x40, 0x202000, 0x2000),
    Partition("carport_a", _DATA, 0x40, 0x204000, SLOT_BYTES),
    Partition("carport_b", _DATA, 0x40, 0x254000, SLOT_BYTES),
)
_VFS_OFFSET = 0x2A4000  # MicroPython finds its file system by the label "vfs", and takes all of it


def carport_table(flash_mib: int) -> list[Partition]:
    """Return Carport's partitions on a flash chip of so many MiB, at least SMALLEST_FLASH_MIB."""
    vfs = Partition("vfs", _DATA, 0x81, _VFS_OFFSET, flash_mib * 1024 * 1024 - _VFS_OFFSET)
    return [*_FIXED, vfs]


def find(partitions: list[Partition], label: str) -> Partition:
    """Return the partition with that label, which is there."""
    return next(each for each in partitions if each.label == label)


def encode_table(partitions: list[Partition]) -> bytes:
    """Return the sector with these partitions."""
    entries = b"".join(
        _ENTRY.pack(
            *(_MAGIC, each.type, each.subtype, each.offset, each.size),
            *(each.label.encode(), each.flags),
        )
        for each in partitions
    )
    table = entries + _MD5_MAGIC + hashlib.md5(entries).digest()
    return table.ljust(TABLE_BYTES, b"\xff")


def decode_table(data: bytes) -> list[Partition]:
    """Return the partitions of a table, read from a board or an image.

    Raises:
        TableError: it is none, or damaged.
    """
    partitions: list[Partition] = []
    for start in range(0, min(len(data), _ENTRIES_BYTES) - _ENTRY.size + 1, _ENTRY.size):
        entry = data[start : start + _ENTRY.size]
        if entry == b"\xff" * _ENTRY.size:
            break
        if entry.startswith(_MD5_MAGIC):
            if entry[len(_MD5_MAGIC) :] != hashlib.md5(data[:start]).digest():
                raise TableError("its checksum is wrong")
            break
        magic, kind, subtype, offset, size, label, flags = _ENTRY.unpack(entry)
        if magic != _MAGIC:
            raise TableError("it has an entry that is none")
        name = label.rstrip(b"\0").decode("ascii", "replace")
        partitions.append(Partition(name, kind, subtype, offset, size, flags))
    if not partitions:
        raise TableError("it is empty")
    return partitions
