"""Runs in the MicroPython VM: a driven car is recorded for hours, its time compressed, by the core
and the firmware's storage, on littlefs on the emulator's flash. Prints what that took.

    seconds rows bytes stores erases hottest
    status_us ... | lock_us ...  requests while nothing is recorded
    status_us ... | lock_us ...  and while everything is
    row_us row_us ...            the turns in which every group had a row
    store_us store_us ...        those in which a block was stored, flash included
    state                        of the host, in CBOR as hexadecimal digits, to go on with it

bytes are those of rows, erases those of all blocks of the file system, hottest those of the block
that has most. Arguments: the file with [profile, frames, ids] in CBOR, the hour of driving (see
drive.py), the image that the flash becomes, the interval in s, the hours.
"""

import gc
import os
import time
from array import array
from binascii import hexlify

import vfs  # type: ignore[import-not-found]

gc.threshold(4096)  # type: ignore[attr-defined]  # until all is made, as in firmware/main.py

from firmware.aes import AES  # noqa: E402
from firmware.bench import time_us  # noqa: E402
from firmware.bench_loop import Lock, Rig, Status  # noqa: E402
from firmware.key_partition import KeyPartition  # noqa: E402
from firmware.ports.unix.flash import Flash, Partition  # noqa: E402
from firmware.storage import Storage  # noqa: E402
from gateway import cbor  # noqa: E402
from gateway.coap.numbers import GET  # noqa: E402
from tests.bench.owner import Owner  # noqa: E402

BLOCKS = 512
KEY_BLOCKS = 2
RESERVE_BYTES = 30_000
SHOWN = 60
REQUESTS = 60
WARM_UP = 5

_MOUNT = "/flash"
_SECOND_MS = 1000
_FRAME_BYTES = 8


class CountingFlash(Flash):
    """The chip, and how often each of its blocks was erased."""

    def __init__(self, path: str) -> None:
        self.erases = array("H", bytes(2 * BLOCKS))
        Flash.__init__(self, path, BLOCKS)

    def _erase(self, block: int) -> None:
        self.erases[block] += 1
        Flash._erase(self, block)


def mounted(flash: Flash) -> Storage:
    """Return storage on a file system that is made anew."""
    files = Partition(flash, 0, BLOCKS - KEY_BLOCKS)
    vfs.VfsLfs2.mkfs(files)
    vfs.mount(files, _MOUNT)
    return Storage(_MOUNT, KeyPartition(Partition(flash, BLOCKS - KEY_BLOCKS, KEY_BLOCKS)))


class Drive:
    """The car: its frames of each second, again from the hour's beginning when it is over."""

    def __init__(self, rig: Rig, ids: "list[int]", path: str) -> None:
        self._rig = rig
        self._ids = ids
        self._file = open(path, "rb")  # noqa: SIM115 - for as long as the program runs
        self._buffer = bytearray(_FRAME_BYTES * len(ids))
        view = memoryview(self._buffer)
        self._frames = [
            [ids[i], view[_FRAME_BYTES * i : _FRAME_BYTES * (i + 1)], 0, 0]
            for i in range(len(ids))
        ]

    def send(self) -> None:
        """Send the next second's frames."""
        if self._file.readinto(self._buffer) != len(self._buffer):
            self._file.seek(0)
            self._file.readinto(self._buffer)
        for frame in self._frames:
            self._rig.gateway.receive_frame(0, frame, self._rig.now_ms)


def live(rig: Rig, drive: Drive, seconds: int, step_s: int) -> "tuple[list[int], list[int]]":
    """Let time pass; return what a turn with rows, and one that stored a block, took, in us."""
    gateway = rig.gateway
    rows_us: list[int] = []
    stores_us: list[int] = []
    for _ in range(seconds // step_s):
        if gc.mem_free() < RESERVE_BYTES:  # type: ignore[attr-defined]
            gc.collect()
        rig.now_ms += step_s * _SECOND_MS
        drive.send()
        due_ms = gateway.next_timeout()
        while due_ms is not None and due_ms <= rig.now_ms:
            start = time.ticks_us()  # type: ignore[attr-defined]
            gateway.handle_timer(rig.now_ms)
            is_storing = len(gateway.saves()) > 0
            rig.settle()
            taken = time.ticks_diff(time.ticks_us(), start)  # type: ignore[attr-defined]
            times = stores_us if is_storing else rows_us
            if len(times) < SHOWN:
                times.append(taken)
            due_ms = gateway.next_timeout()
    return rows_us, stores_us


def show(times: "list[int]") -> None:
    """Print a line, a number at a time: the heap is full of holes by now."""
    for each in times:
        print(each, end=" ")
    print()


def requests_us(rig: Rig) -> None:
    """Print what requests take, in us."""
    for operation, end in ((Status(rig), " | "), (Lock(rig), "\n")):
        for _ in range(WARM_UP):
            time_us(operation)
        for _ in range(REQUESTS):
            print(time_us(operation), end=" ")
        print(end=end)


def main(inputs: str, hour: str, image: str, interval_s: str, hours: str) -> None:
    with open(inputs, "rb") as file:
        profile, frames, ids = cbor.decode(file.read())
    flash = CountingFlash(image)
    rig = Rig(profile, frames, AES, os.urandom, mounted(flash))
    owner = Owner(rig.host, rig.ask)
    groups = owner.prepare()
    gc.threshold(-1)  # type: ignore[attr-defined]
    requests_us(rig)
    gc.threshold(4096)  # type: ignore[attr-defined]
    owner.consent(groups, int(interval_s))
    gc.collect()
    gc.threshold(-1)  # type: ignore[attr-defined]
    drive = Drive(rig, ids, hour)
    requests_us(rig)
    flash.erases = array("H", bytes(2 * BLOCKS))
    before = cbor.decode(owner.ask(GET, b"records"))
    seconds = 3600 * int(hours)
    rows_us, stores_us = live(rig, drive, seconds, int(interval_s))
    erases = flash.erases[: BLOCKS - KEY_BLOCKS]
    after = cbor.decode(owner.ask(GET, b"records"))
    counts = [after[name] - before[name] for name in ("rows", "bytes", "writes")]
    print(seconds, *counts, sum(erases), max(erases))
    show(rows_us)
    show(stores_us)
    print(hexlify(cbor.encode(rig.host.state)).decode())
