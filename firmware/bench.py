"""The command-loop benchmark on a board: what a request, a command, a frame cost the core alone.

    python -m tests.bench.inputs bench.cbor             on a PC: the reference car, and its frames
    mpremote cp bench.cbor : + run firmware/bench.py    see docs/building.md

Prints a table for BENCHMARKS.md. The code is what is frozen in, or what the board's active slot
has. Nothing is sent or stored, and no garbage is collected while the time is taken. Not run on a
board yet.
"""

import gc
import os
import sys
import time

from gateway import cbor
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from firmware.bench_loop import Operation

_INPUTS = "/bench.cbor"
_RUNS = const(50)
_WARM_UP_RUNS = const(8)
_RESERVE_BYTES = const(30_000)
_BOOT_THRESHOLD_BYTES = const(4096)


def find_firmware() -> None:
    """Let the firmware be imported: it is frozen in, or else in the active slot.

    Raises:
        ImportError: there is none.
    """
    try:
        import firmware.bench_loop  # noqa: F401
    except ImportError:
        from firmware.ports.esp32 import slots as port

        slots = port.open_slots()
        head = slots.head(slots.active) if slots.active else None
        if head is None:
            raise ImportError("there is no firmware: run carport flash")
        port.mount(slots.device(slots.active), head)
        for name in list(sys.modules):
            if name.split(".")[0] in ("firmware", "gateway"):
                sys.modules.pop(name)  # the loader's own


def allocated(operation: "Operation") -> int:
    """Return the bytes that one run allocates."""
    operation.prepare()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    operation.run()
    used = gc.mem_alloc() - before
    gc.enable()
    operation.check()
    return used


def time_us(operation: "Operation") -> int:
    """Return how long a run takes, without a collection."""
    operation.prepare()
    if gc.mem_free() < _RESERVE_BYTES:
        gc.collect()
    start = time.ticks_us()
    operation.run()
    taken = time.ticks_diff(time.ticks_us(), start)
    operation.check()
    return taken


def measure(inputs: str, runs: int) -> "Iterator[tuple[str, Any, int, list[int]]]":
    """Yield each operation: its name and class, the bytes and the us that so many runs took.

    inputs: the file with [profile, frames] in CBOR.
    """
    gc.threshold(_BOOT_THRESHOLD_BYTES)  # until all is made, as in firmware/main.py
    from firmware.aes import AES
    from firmware.bench_loop import OPERATIONS, Rig

    with open(inputs, "rb") as file:
        profile, frames = cbor.decode(file.read())
    rig = Rig(profile, frames, AES, os.urandom)
    gc.threshold(-1)
    for name in OPERATIONS:
        operation = OPERATIONS[name](rig)
        for _ in range(_WARM_UP_RUNS):
            time_us(operation)
        used = allocated(operation)
        yield name, OPERATIONS[name], used, [time_us(operation) for _ in range(runs)]


def main(inputs: str = _INPUTS, runs: int = _RUNS) -> None:
    """Print the table."""
    find_firmware()
    version = ".".join([str(part) for part in sys.implementation.version[:3]])
    print(f"MicroPython {version}, {sys.implementation._machine}; medians of {runs} runs\n")
    print("| operation | median, us | 99th percentile | bytes allocated |")
    print("| --- | ---: | ---: | ---: |")
    for _, operation, used, times in measure(inputs, runs):
        times.sort()
        repeats = operation.repeats
        median = times[len(times) // 2] // repeats
        late = times[len(times) * 99 // 100] // repeats
        print(f"| {operation.title} | {median} | {late} | {used // repeats} |")
    print(f"\n{gc.mem_free()} bytes of the heap are free.")


if __name__ == "__main__":
    main()
