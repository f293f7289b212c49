"""Runs in the MicroPython VM: measures every operation of the core, and prints a line for each.

    name bytes us us us ...

us is how long a run took, bytes what it allocated, with the collector off. Arguments: the file of
inputs (see inputs.py), and how many runs.
"""

import gc
import os
import time

gc.threshold(4096)  # type: ignore[attr-defined]  # until all is made, as in firmware/main.py

from firmware.aes import AES  # noqa: E402
from gateway import cbor  # noqa: E402
from tests.bench.core_loop import OPERATIONS, Rig  # noqa: E402

RESERVE_BYTES = 30_000
WARM_UP_RUNS = 8


def allocated(operation) -> int:  # type: ignore[no-untyped-def]
    """Return the bytes that one run allocates."""
    operation.prepare()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    operation.run()
    used: int = gc.mem_alloc() - before  # type: ignore[attr-defined]
    gc.enable()
    operation.check()
    return used


def time_us(operation) -> int:  # type: ignore[no-untyped-def]
    """Return how long a run takes, without a collection."""
    operation.prepare()
    if gc.mem_free() < RESERVE_BYTES:  # type: ignore[attr-defined]
        gc.collect()
    start = time.ticks_us()  # type: ignore[attr-defined]
    operation.run()
    taken: int = time.ticks_diff(time.ticks_us(), start)  # type: ignore[attr-defined]
    operation.check()
    return taken


def main(inputs: str, runs: str) -> None:
    with open(inputs, "rb") as file:
        profile, frames = cbor.decode(file.read())
    rig = Rig(profile, frames, AES, os.urandom)
    gc.threshold(-1)  # type: ignore[attr-defined]
    for name in OPERATIONS:
        operation = OPERATIONS[name](rig)
        for _ in range(WARM_UP_RUNS):
            time_us(operation)
        print(name, allocated(operation), end="")
        for _ in range(int(runs)):
            print("", time_us(operation), end="")
        print()
