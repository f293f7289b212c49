"""Runs in the VM: what MicroPython does on an ESP32 from its start to the REPL.

    micropython -i esp32_start.py FLASH MODE

FLASH is the chip's flash as a file. MODE "main" runs boot.py and main.py, as after a reset; "raw"
runs boot.py alone, as after a soft reset in the raw REPL. It differs from a chip in that the
program is the VM's own, whatever lies in the application's partition, and that the PC's files are
at /pc.
"""

import struct
import sys

import vfs  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TABLE_OFFSET = 0x8000
BLOCK_BYTES = 4096
ERASED = b"\xff" * BLOCK_BYTES


class Blocks:
    """A partition as a block device."""

    def __init__(self, file: "Any", offset: int, size: int) -> None:
        self._file = file
        self._offset = offset
        self._blocks = size // BLOCK_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        self._file.seek(self._offset + block * BLOCK_BYTES + offset)
        return 0 if self._file.readinto(buffer) == len(buffer) else -5

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> int:
        if offset is None:
            for number in range(len(buffer) // BLOCK_BYTES):
                self.ioctl(6, block + number)
            offset = 0
        self._file.seek(self._offset + block * BLOCK_BYTES + offset)
        self._file.write(buffer)
        return 0

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            self._file.seek(self._offset + argument * BLOCK_BYTES)
            self._file.write(ERASED)
        return 0


def find_vfs(file: "Any") -> "tuple[int, int]":
    """Return where the file system is, by the partition table."""
    file.seek(TABLE_OFFSET)
    while True:
        entry = file.read(32)
        magic, _, _, offset, size, label = struct.unpack_from("<2sBBII16s", entry)
        if magic != b"\xaa\x50":
            raise OSError("no partition vfs")
        if label.rstrip(b"\0") == b"vfs":
            return offset, size


def mount(path: str) -> None:
    """Mount the file system; make it, where its first block is erased."""
    file = open(path, "r+b", 0)  # noqa: SIM115 - for as long as the VM runs
    blocks = Blocks(file, *find_vfs(file))
    vfs.mount(vfs.VfsPosix(), "/pc")
    vfs.umount("/")
    try:
        vfs.mount(blocks, "/")
    except OSError:
        first = bytearray(BLOCK_BYTES)
        blocks.readblocks(0, first)
        if first != ERASED:
            print("The filesystem appears to be corrupted.")
            sys.exit(1)
        print("Performing initial setup")
        vfs.VfsLfs2.mkfs(blocks)
        vfs.mount(blocks, "/")
        run("boot.py", "# as MicroPython makes it\n")


def run(name: str, made: "str | None" = None) -> None:
    """Run a file, if it is there; or make it."""
    if made is not None:
        with open(name, "w") as file:
            file.write(made)
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return
    exec(source, {"__name__": "__main__"})


_, _flash, _mode = sys.argv
sys.path[:] = ["", ".frozen", "/lib"]
mount(_flash)
run("boot.py")
if _mode == "main":
    run("main.py")
