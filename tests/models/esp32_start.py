"""Runs in the VM: what MicroPython does on an ESP32 from its start to the REPL.

    micropython -i esp32_start.py REPOSITORY FLASH HARDWARE MODE

FLASH is the chip's flash as a file, HARDWARE a board.json, whose MCP2515s are wired. MODE
"main" runs boot.py and main.py, as after a reset; "raw" runs boot.py alone, as after a soft reset
in the raw REPL. The modules of the chip are those of tests/shims, but for its flash. It differs
from a chip in what they say, and in that the program is the VM's own, whatever lies in the
application's partition.
"""

import json
import struct
import sys

import vfs  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TABLE_OFFSET = 0x8000
BLOCK_BYTES = 4096
ERASED = b"\xff" * BLOCK_BYTES
MODULES = ("machine", "esp32", "esp", "network", "neopixel")
RESET = 3


class Sys:
    """The module sys of a chip."""

    platform = "esp32"

    def __getattr__(self, name: str) -> "Any":
        return getattr(sys, name)


class Partition:
    """esp32.Partition, of the flash in the file."""

    TYPE_DATA = 1
    file: "Any" = None

    def __init__(self, label: str, offset: int, size: int) -> None:
        self._label = label
        self._offset = offset
        self._size = size

    @staticmethod
    def find(kind: int = 0, subtype: int = 255, *, label: "str | None" = None) -> "list[Any]":
        found = []
        for at in range(TABLE_OFFSET, TABLE_OFFSET + BLOCK_BYTES, 32):
            Partition.file.seek(at)
            magic, its_kind, _, offset, size, name = struct.unpack(
                "<2sBBII16s", Partition.file.read(28)
            )
            if magic != b"\xaa\x50":
                break
            its_label = name.rstrip(b"\0").decode()
            if kind == its_kind and label in (None, its_label):
                found.append(Partition(its_label, offset, size))
        return found

    def info(self) -> "tuple[Any, ...]":
        return (1, 0, self._offset, self._size, self._label, False)

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> int:
        self.file.seek(self._offset + block * BLOCK_BYTES + offset)
        self.file.readinto(buffer)
        return 0

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> int:
        if offset is None:
            for number in range(len(buffer) // BLOCK_BYTES):
                self.ioctl(6, block + number)
            offset = 0
        self.file.seek(self._offset + block * BLOCK_BYTES + offset)
        self.file.write(buffer)
        return 0

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 4:
            return self._size // BLOCK_BYTES
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            self.file.seek(self._offset + argument * BLOCK_BYTES)
            self.file.write(ERASED)
        return 0


def reset() -> None:
    """Start the chip again: whoever started the VM does that."""
    sys.exit(RESET)


def make_chip(repository: str, hardware: "dict[str, Any]") -> None:
    """Import the chip's modules, and forget where they came from."""
    vfs.mount(vfs.VfsPosix(repository), "/repo")
    vfs.umount("/")
    sys.path[:] = ["/repo/tests/shims", "/repo"]
    import esp32  # type: ignore[import-not-found]
    import machine  # type: ignore[import-not-found]

    from tests.models.mcp2515 import Chip
    from tests.shims import chip

    for name in MODULES:
        __import__(name)
    esp32.Partition = Partition
    machine.reset = reset
    for wiring in hardware["can"]:
        if "cs" in wiring:
            chip.connect_mcp2515(Chip(), wiring["cs"], wiring["interrupt"])
    for name in list(sys.modules):
        if name.split(".")[0] in ("gateway", "firmware"):
            sys.modules.pop(name)
    sys.modules["sys"] = Sys()  # type: ignore[assignment]
    sys.path[:] = ["", ".frozen", "/lib"]


def mount() -> None:
    """Mount the file system; make it, where its first block is erased."""
    files = Partition.find(Partition.TYPE_DATA, label="vfs")[0]
    try:
        vfs.mount(files, "/")
    except OSError:
        first = bytearray(BLOCK_BYTES)
        files.readblocks(0, first)
        if first != ERASED:
            print("The filesystem appears to be corrupted.")
            raise
        print("Performing initial setup")
        vfs.VfsLfs2.mkfs(files)
        vfs.mount(files, "/")
        with open("boot.py", "w") as file:
            file.write("# as MicroPython makes it\n")


def run(name: str) -> None:
    """Run a file, if it is there."""
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return
    exec(source, {"__name__": "__main__"})


_, _repository, _flash, _hardware, _mode = sys.argv
Partition.file = open(_flash, "r+b", 0)  # noqa: SIM115 - for as long as the VM runs
with open(_hardware) as _file:
    _wired = json.load(_file)
make_chip(_repository, _wired)
mount()
run("boot.py")
if _mode == "main":
    run("main.py")
