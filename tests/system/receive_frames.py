"""Runs in the MicroPython VM: what received frames take from the heap, from the core's door on.

Prints `kind counted bytes locked quiet` for each kind of frame:

    counted     the counters in /system that changed
    bytes       what 500 calls left allocated, with the collector off
    locked      ok, or MemoryError if they allocated anything with the heap locked
    quiet       ok, or collected if what they took and gave back at once set off a collection

Arguments: the compiled profile, and a file in CBOR, {kind: [[id, data, flags], ...]}, with 2000
frames of each kind.
"""

import gc
import os
import sys

import micropython  # type: ignore[import-not-found]

from firmware.aes import AES
from gateway import profile_file
from gateway.cbor import decode
from gateway.core import Gateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CALLS = 500
THRESHOLD_BYTES = 4096


def receive(gateway: Gateway, frames: "list[Any]", start: int) -> None:
    """Make the calls, with the frames from start on."""
    for i in range(start, start + CALLS):
        gateway.receive_frame(0, frames[i], i)


def receive_and_allocate(gateway: Gateway, frames: "list[Any]", start: int) -> None:
    """Do the same, and allocate, to show that it is noticed."""
    for i in range(start, start + CALLS):
        gateway.receive_frame(0, frames[i], i)
        bytes(frames[i][1])


def measure(kind: str, gateway: Gateway, frames: "list[Any]", function: "Any" = receive) -> None:
    function(gateway, frames, 0)  # the first frame of a kind is not like the others
    counters = gateway._state.counters
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    function(gateway, frames, CALLS)
    allocated = gc.mem_alloc() - before  # type: ignore[attr-defined]
    gc.enable()
    micropython.heap_lock()
    try:
        function(gateway, frames, 2 * CALLS)
        locked = "ok"
    except MemoryError:
        locked = "MemoryError"
    micropython.heap_unlock()
    gc.collect()
    gc.threshold(THRESHOLD_BYTES)  # type: ignore[attr-defined]
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    bytearray(THRESHOLD_BYTES // 2)  # what a collection would free
    function(gateway, frames, 3 * CALLS)
    quiet = "ok" if gc.mem_alloc() - before >= THRESHOLD_BYTES // 2 else "collected"  # type: ignore[attr-defined]
    gc.threshold(-1)  # type: ignore[attr-defined]
    now = gateway._state.counters
    counted = [name for name in sorted(now) if now[name] != counters[name]]
    print(kind, "+".join(counted) or "-", allocated, locked, quiet)


def main(profile_path: str, frames_path: str) -> None:
    with open(profile_path, "rb") as file:
        profile = profile_file.decode(file.read())
    with open(frames_path, "rb") as file:
        kinds = decode(file.read())
    gateway = Gateway(profile, {}, AES, os.urandom, 0, "test", dict)
    for kind in sorted(kinds):
        frames = [[frame[0], memoryview(frame[1]), frame[2], 0] for frame in kinds[kind]]
        measure(kind, gateway, frames)
    measure("control", gateway, frames, receive_and_allocate)


main(sys.argv[1], sys.argv[2])
