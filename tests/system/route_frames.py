"""Runs in the MicroPython VM: what frames that may or may not cross take from the heap.

Prints `kind counted bytes locked quiet us` for each kind of frame:

    counted     the counts of the routes that changed
    bytes       what 500 frames left allocated, with the collector off
    locked      ok, or MemoryError if they allocated anything with the heap locked
    quiet       ok, or collected if what they took and gave back at once set off a collection
    us          microseconds a frame, the best of 5 times 500

From the core's door: a frame is received, and what crosses is taken and reported as sent.
Argument: the compiled profile of the bench.
"""

import gc
import os
import sys
import time

import micropython  # type: ignore[import-not-found]

from firmware.aes import AES
from gateway.core import Gateway
from gateway.profile_file import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FRAMES = 500
THRESHOLD_BYTES = 4096
OUTCOMES = ("passed", "dropped", "limited", "wrong_length")
EXT_ID, REMOTE = 2, 1
BODY, POWERTRAIN = 0, 1


class Kind:
    """Frames that differ in nothing but their time."""

    def __init__(
        self,
        name: str,
        bus: int,
        arbitration_id: int,
        length: int,
        flags: int = 0,
        step_ms: int = 0,
        is_sent: bool = True,
    ) -> None:
        self.name = name
        self.frame = [arbitration_id, memoryview(bytes(length)), flags, 0]
        self.bus = bus
        self.step_ms = step_ms
        self.is_sent = is_sent

    def run(self, gateway: Gateway, now_ms: int) -> None:
        """Receive them; let the controllers send what crosses, unless they are stuck."""
        frame, bus, step_ms = self.frame, self.bus, self.step_ms
        if not self.is_sent:
            for _ in range(FRAMES):
                gateway.receive_frame(bus, frame, now_ms)
                now_ms += step_ms
            return
        for _ in range(FRAMES):
            gateway.receive_frame(bus, frame, now_ms)
            routed = gateway.routed(now_ms)
            if routed is not None:
                gateway.frame_sent(routed, now_ms)
            now_ms += step_ms


class Control(Kind):
    """Does the same, and allocates, to show that it is noticed."""

    def run(self, gateway: Gateway, now_ms: int) -> None:
        Kind.run(self, gateway, now_ms)
        for _ in range(FRAMES):
            bytes(100)


def measure(kind: Kind, profile: "dict[str, Any]") -> None:
    """Print what one kind's frames did, took and lasted."""
    gateway = Gateway(profile, {}, AES, os.urandom, 0, "test", dict, True)
    kind.run(gateway, 0)  # a mask's first frames are not like the others
    counts = [route.counts[:] for route in gateway._router.routes]  # type: ignore[union-attr]
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    kind.run(gateway, 100_000)
    allocated = gc.mem_alloc() - before  # type: ignore[attr-defined]
    gc.enable()
    micropython.heap_lock()
    try:
        kind.run(gateway, 200_000)
        locked = "ok"
    except MemoryError:
        locked = "MemoryError"
    micropython.heap_unlock()
    gc.collect()
    gc.threshold(THRESHOLD_BYTES)  # type: ignore[attr-defined]
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    bytearray(THRESHOLD_BYTES // 2)  # what a collection would free
    kind.run(gateway, 300_000)
    quiet = "ok" if gc.mem_alloc() - before >= THRESHOLD_BYTES // 2 else "collected"  # type: ignore[attr-defined]
    gc.threshold(-1)  # type: ignore[attr-defined]
    counted = set()
    for before, route in zip(counts, gateway._router.routes):  # type: ignore[union-attr] # noqa: B905
        for i, name in enumerate(OUTCOMES):
            if route.counts[i] != before[i]:
                counted.add(name)
    best_us = 0
    for i in range(5):
        start_us = time.ticks_us()  # type: ignore[attr-defined]
        kind.run(gateway, 400_000 + 100_000 * i)
        took_us = time.ticks_diff(time.ticks_us(), start_us)  # type: ignore[attr-defined]
        best_us = took_us if not i or took_us < best_us else best_us
    print(kind.name, "+".join(sorted(counted)) or "-", allocated, locked, quiet, best_us / FRAMES)


def main(file: str) -> None:
    with open(file, "rb") as opened:
        profile = decode(opened.read())
    kinds = [
        Kind("routed", BODY, 0x130, 8, step_ms=50),
        Kind("routed_extended", BODY, 0x18FF1234, 8, EXT_ID, step_ms=100),
        Kind("routed_by_mask", POWERTRAIN, 0x1A5, 4, step_ms=20),
        Kind("limited", BODY, 0x130, 8),
        Kind("limited_by_mask", POWERTRAIN, 0x18DA1000, 2, EXT_ID),
        Kind("wrong_length", BODY, 0x130, 7),
        Kind("no_room", BODY, 0x130, 8, step_ms=50, is_sent=False),
        Kind("no_route", BODY, 0x131, 8),
        Kind("no_route_by_mask", POWERTRAIN, 0x131, 4),
        Kind("own", POWERTRAIN, 0x1A8, 4),
        Kind("remote", BODY, 0x130, 8, REMOTE),
        Control("control", BODY, 0x131, 8),
    ]
    for kind in kinds:
        measure(kind, profile)


main(sys.argv[1])
