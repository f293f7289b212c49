"""The files of a package where MicroPython has no ROMFS, in the VM and here."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from carport.install.package import build_package
from carport.install.romfs import rom_image
from firmware.ports.esp32.slot_files import SlotFiles
from gateway import package
from tests.models.packages import package_with
from tests.power.chip import BLOCK_BYTES, Chip, Partition
from tests.vm import run_script

LIKE_ROMFS = """
import os, sys, vfs
from firmware.ports.esp32.slot_files import SlotFiles
from tests.power.chip import Chip, Partition
data = open(sys.argv[1], "rb").read()
chip = Chip(80)
chip.image[: len(data)] = data
vfs.mount(SlotFiles(Partition(chip, 0, 80)), "/slot", readonly=True)
vfs.mount(vfs.VfsRom(data[512:]), "/rom")
def walk(folder):
    files = []
    for entry in sorted(os.ilistdir(folder)):
        path = folder + "/" + entry[0]
        assert os.stat(path)[0] == entry[1]
        if entry[1] == 0x4000:
            files += walk(path)
        else:
            with open(path, "rb") as file:
                content = file.read()
            assert os.stat(path)[6] == len(content)
            files.append((path.split("/", 2)[2], content))
    return files
slot = walk("/slot")
assert slot == walk("/rom")
print(len(slot))
"""
IMPORT = """
import json, sys, vfs
from firmware.ports.esp32.slot_files import SlotFiles
from tests.power.chip import Chip, Partition
data = open(sys.argv[1], "rb").read()
chip = Chip(80)
chip.image[: len(data)] = data
vfs.mount(SlotFiles(Partition(chip, 0, 80), sys.argv[2] == "frozen"), "/slot", readonly=True)
for name in list(sys.modules):
    if name.split(".")[0] in ("gateway", "firmware"):
        sys.modules.pop(name)
sys.path.insert(0, "/slot")
import gateway.core, gateway.home, firmware.runner
print(gateway.core.__file__, firmware.runner.__file__)
print(json.load(open("/slot/board.json"))["board"], len(open("/slot/profile.cbor", "rb").read()))
try:
    open("/slot/new", "w")
except OSError:
    print("read-only")
"""
READS = """
import sys, vfs
from firmware.ports.esp32.slot_files import SlotFiles
from tests.power.chip import Chip, Partition
class Counting(Partition):
    reads = 0
    def readblocks(self, *where):
        Counting.reads += 1
        return super().readblocks(*where)
data = open(sys.argv[1], "rb").read()
chip = Chip(8)
chip.image[: len(data)] = data
vfs.mount(SlotFiles(Counting(chip, 0, 8)), "/slot", readonly=True)
sys.path.insert(0, "/slot")
Counting.reads = 0
import large
print(large.x, Counting.reads)
"""


@pytest.fixture(scope="module")
def t_2can(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "package"
    path.write_bytes(build_package("t-2can", "reference"))
    return path


def test_they_are_what_romfs_says(t_2can: Path, vm: Any) -> None:
    assert int(run_script(LIKE_ROMFS, heapsize="8m", args=[str(t_2can)])) > 80


def test_modules_are_imported_from_them(t_2can: Path, vm: Any) -> None:
    said = run_script(IMPORT, heapsize="8m", args=[str(t_2can), "stock"]).splitlines()
    assert said[0] == "/slot/gateway/core.mpy /slot/firmware/runner.mpy"
    assert said[1].startswith("t-2can ")
    assert said[2] == "read-only"


def test_an_import_reads_much_at_once(tmp_path: Path, vm: Any) -> None:
    source = b"x = 1\n" * 2000
    path = tmp_path / "package"
    path.write_bytes(package_with({"large.py": source}))
    x, reads = run_script(READS, heapsize="1m", args=[str(path)]).split()
    assert x == "1"
    assert int(reads) <= len(source) // 255 + 8


def test_frozen_code_goes_before(t_2can: Path, vm: Any) -> None:
    said = run_script(IMPORT, heapsize="8m", args=[str(t_2can), "frozen"]).splitlines()
    assert "/slot" not in said[0]
    assert said[1].startswith("t-2can ")


def mounted(image: bytes) -> SlotFiles:
    chip = Chip(2)
    chip.image[: len(image)] = image
    return SlotFiles(Partition(chip, 0, 2))


def test_files_that_are_larger_than_a_block_are_whole() -> None:
    content = Random(1).randbytes(BLOCK_BYTES + 1000)
    files = mounted(package_with({"a/b": content, "c": b""}))
    with files.open("/a/b", "rb") as file:
        pieces = [file.read(100), file.read(5000), file.read()]
        assert b"".join(pieces) == content
        assert file.read(1) == b""
    assert [entry[0] for entry in files.ilistdir("/")] == ["a", "c"]
    assert files.stat("/c")[6] == 0
    for path in ("/a/c", "/a/b/c", "/d"):
        with pytest.raises(OSError, match="2"):
            files.stat(path)


def test_no_damage_raises_anything_but_what_it_may() -> None:
    image = rom_image({"gateway/core.mpy": b"code", "board.json": b"{}", "ö": bytes(300)})
    random = Random(2)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(image)
        for _ in range(random.randrange(1, 4)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        try:
            files = mounted(bytes(package.HEAD_BYTES) + damaged)
        except (OSError, UnicodeError):
            refused += 1
            continue
        for entry in files.ilistdir("/"):
            files.stat(entry[0])
    assert refused
