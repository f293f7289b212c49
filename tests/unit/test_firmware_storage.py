"""Records on real littlefs in the VM, and what a cut of the power leaves of them.

The power is cut at every operation on the flash of a session, before it or halfway through it.
"""

import errno
import json
from pathlib import Path

from tests.vm import run_script

# A chip in RAM with the rules of the image file's; it dies at its operation number `dies_at`.
CHIP = """
import errno, json, os, sys, vfs
from firmware.key_partition import KeyPartition
from firmware.ports.unix.flash import Partition
from firmware.storage import Storage

BYTES, BLOCKS, KEY_BLOCKS = 4096, 16, 2

class Chip:
    def __init__(self, image, dies_at, is_halfway):
        self.image = image
        self.operations = 0
        self.dies_at = dies_at
        self.is_halfway = is_halfway

    def part(self, length):
        # How much of an operation is done: all, half of it, or nothing.
        self.operations += 1
        if self.operations < self.dies_at:
            return length
        return length // 2 if self.is_halfway and self.operations == self.dies_at else 0

    def readblocks(self, block, buffer, offset=0):
        if self.operations >= self.dies_at:
            return -errno.EIO
        start = block * BYTES + offset
        buffer[:] = self.image[start : start + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        start = block * BYTES + offset
        length = self.part(len(buffer))
        old = self.image[start : start + length]
        assert old == b"\\xff" * length, "programmed without erasing"
        self.image[start : start + length] = buffer[:length]
        return 0 if length == len(buffer) else -errno.EIO

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS + KEY_BLOCKS
        if operation == 5:
            return BYTES
        if operation == 6:
            length = self.part(BYTES)
            start = argument * BYTES
            self.image[start : start + length] = b"\\xff" * length
            return 0 if length == BYTES else -errno.EIO
        return 0

def mounted(image, dies_at=1 << 30, is_halfway=False):
    chip = Chip(image, dies_at, is_halfway)
    vfs.mount(vfs.VfsLfs2(files(chip)), "/flash")
    return chip, Storage("/flash", KeyPartition(Partition(chip, BLOCKS, KEY_BLOCKS)))

def files(chip):
    return Partition(chip, 0, BLOCKS)

def erased():
    image = bytearray(b"\\xff" * (BYTES * (BLOCKS + KEY_BLOCKS)))
    vfs.VfsLfs2.mkfs(files(Chip(image, 1 << 30, False)))
    return image
"""

POWER_CUTS = """
# Small records lie in the directory, large ones in blocks of their own.
BEFORE = {
    "root": b"old root" * 5, "keys": b"k" * 60, "big": b"b" * 700, "gone": b"g" * 20,
    "kept": b"x" * 300,
}
SESSION = [
    ("keys", b"K" * 70), ("new", b"n" * 40), ("big", b"B" * 900), ("gone", None),
    ("root", b"new root" * 5), ("block-1", b"1" * 3000), ("sequence-1", b"1"),
    ("sequence-1", b"2"), ("large", b"l" * 500), ("keys", b"y" * 400), ("large", None),
    ("block-1", None), ("root", b"newer root" * 30), ("big", b"c" * 30), ("gone", b"again"),
]

base = erased()
_, storage = mounted(base)
for name, data in BEFORE.items():
    storage.save(name, data)
vfs.umount("/flash")

def session(storage):
    # Save until the power fails; return what must be there, and what may be there instead.
    records = dict(BEFORE)
    for name, data in SESSION:
        after = dict(records)
        if name == "*":
            after = {}
        elif name.startswith("block-"):
            pass
        elif data is None:
            after.pop(name, None)
        else:
            after[name] = data
        try:
            storage.save(name, data)
        except OSError:
            return records, after
        records = after
    return records, records

chip, storage = mounted(bytearray(base))
begun = chip.operations
session(storage)
vfs.umount("/flash")
operations = chip.operations
wrong = []
olds = news = 0
for is_halfway in (False, True):
    for dies_at in range(begun + 1, operations + 2):
        image = bytearray(base)
        _, storage = mounted(image, dies_at, is_halfway)
        old, new = session(storage)
        try:
            vfs.umount("/flash")
        except OSError:
            pass
        _, storage = mounted(image)
        found = storage.load()
        vfs.umount("/flash")
        roots = [root for root in (b"old root", b"new root", b"newer root") if root in image]
        if "root" in found:
            is_one_root = [found["root"].startswith(root) for root in roots] == [True]
        else:
            is_one_root = not roots
        if not is_one_root:
            wrong.append((dies_at, is_halfway, roots))
        elif found == new:
            news += 1
        elif found == old:
            olds += 1
        else:
            wrong.append((dies_at, is_halfway, found, old, new))
print(json.dumps([operations - begun, olds, news, wrong]))
"""


def test_a_power_cut_leaves_every_saved_record_and_the_last_one_old_or_new() -> None:
    out = run_script(CHIP + POWER_CUTS, heapsize="2m")
    operations, olds, news, wrong = json.loads(out)
    assert wrong == []
    assert olds + news == 2 * (operations + 1)
    assert operations > 50


def test_a_power_cut_in_a_wipe_leaves_all_or_nothing_and_no_trace_of_the_root() -> None:
    begin, end = POWER_CUTS.index("SESSION = ["), POWER_CUTS.index("]\n\nbase")
    session = 'SESSION = [("block-1", b"1" * 3000), ("root", b"new root" * 5), ("*", None)'
    out = run_script(CHIP + POWER_CUTS[:begin] + session + POWER_CUTS[end:], heapsize="2m")
    operations, olds, news, wrong = json.loads(out)
    assert wrong == []
    assert olds + news == 2 * (operations + 1)
    assert operations > 20


def test_a_first_root_that_a_power_cut_tore_is_none() -> None:
    script = """
for is_halfway in (False, True):
    for dies_at in range(1, 10):
        image = bytearray(b"\\xff" * (BYTES * (BLOCKS + KEY_BLOCKS)))
        chip = Chip(image, dies_at, is_halfway)
        partition = Partition(chip, BLOCKS, KEY_BLOCKS)
        keys = KeyPartition(partition)
        try:
            keys.load()
            keys.save(b"the root")
            is_done = True
        except OSError:
            is_done = False
        chip.dies_at = 1 << 30
        keys = KeyPartition(partition)
        found = keys.load()
        assert found == b"the root" or not is_done and found is None
        keys.save(b"another")
        assert KeyPartition(partition).load() == b"another"
        assert b"the root" not in image
"""
    run_script(CHIP + script, heapsize="2m")


def test_blocks_are_read_when_they_are_asked_for() -> None:
    script = """
_, storage = mounted(erased())
storage.save("block-a", b"1" * 3000)
storage.save("keys", b"k")
print(list(storage.load()), b"".join(storage.read_block("block-a")) == b"1" * 3000)
storage.save("block-a", None)
print(storage.read_block("block-a"), storage.read_block("block-b"))
"""
    out = run_script(CHIP + script, heapsize="2m")
    assert out == "['keys'] True\nNone None\n"


def test_saved_records_are_loaded_and_deleted_ones_are_not() -> None:
    script = """
image = erased()
_, storage = mounted(image)
assert storage.load() == {}
storage.save("a", b"1")
storage.save("b", b"2" * 1000)
storage.save("a", b"3")
storage.save("b", None)
storage.save("never-was", None)
vfs.umount("/flash")
_, storage = mounted(image)
assert storage.load() == {"a": b"3"}
"""
    run_script(CHIP + script, heapsize="2m")


def test_an_empty_record_is_refused_and_an_empty_file_is_none() -> None:
    script = """
_, storage = mounted(erased())
open("/flash/records/cut", "wb").close()
assert storage.load() == {}
try:
    storage.save("a", b"")
except ValueError:
    print("refused")
"""
    assert run_script(CHIP + script, heapsize="2m") == "refused\n"


def test_a_full_flash_raises_and_leaves_the_record_as_it_was() -> None:
    script = """
_, storage = mounted(erased())
storage.save("a", b"old")
try:
    storage.save("a", b"n" * (BYTES * BLOCKS))
except OSError as error:
    print(error.errno == 28, storage.load() == {"a": b"old"})
storage.save("a", b"new")
print(storage.load() == {"a": b"new"})
"""
    assert run_script(CHIP + script, heapsize="2m") == "True True\nTrue\n"


def test_a_folder_that_cannot_be_made_raises() -> None:
    script = """
try:
    Storage("/missing", KeyPartition(None))
except OSError as error:
    print(error.errno)
"""
    assert run_script(CHIP + script, heapsize="2m") == f"{errno.ENOENT}\n"


FLASH = """
import errno
from firmware.ports.unix.flash import BLOCK_BYTES, Flash
import sys
flash = Flash(sys.argv[1], 4)
buffer = bytearray(8)
"""


def test_the_image_is_erased_at_first_and_keeps_what_is_programmed(tmp_path: Path) -> None:
    image = str(tmp_path / "flash.img")
    script = """
assert flash.ioctl(4, 0) == 4
assert flash.ioctl(5, 0) == BLOCK_BYTES
assert flash.readblocks(3, buffer, BLOCK_BYTES - 8) == 0
print(bytes(buffer))
assert flash.writeblocks(2, b"12345678", 16) == 0
assert flash.ioctl(3, 0) == 0
"""
    assert run_script(FLASH + script, args=[image]) == repr(b"\xff" * 8) + "\n"
    content = Path(image).read_bytes()
    assert len(content) == 4 * 4096
    assert content[2 * 4096 + 16 :][:8] == b"12345678"
    assert content.count(b"\xff") == len(content) - 8
    script = "flash.readblocks(2, buffer, 16)\nprint(bytes(buffer))"
    assert run_script(FLASH + script, args=[image]) == "b'12345678'\n"


def test_bytes_are_erased_before_they_are_programmed_again(tmp_path: Path) -> None:
    script = """
assert flash.writeblocks(1, b"1234", 0) == 0
assert flash.writeblocks(1, b"5678", 2) == -errno.EIO
assert flash.writeblocks(1, b"5678", 4) == 0
assert flash.ioctl(6, 1) == 0
assert flash.writeblocks(1, b"5678", 2) == 0
flash.readblocks(1, buffer)
print(bytes(buffer))
whole = bytes(range(256)) * 16
assert flash.writeblocks(1, whole) == 0
flash.readblocks(1, buffer, 256)
print(bytes(buffer) == whole[:8])
"""
    out = run_script(FLASH + script, args=[str(tmp_path / "flash.img")])
    assert out == repr(b"\xff\xff5678\xff\xff") + "\nTrue\n"
