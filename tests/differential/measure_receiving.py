"""Runs in the MicroPython VM: prints `kind status bytes locked quiet` for each kind of frame.

status is what VehicleState.receive returned, None if it was not always the same. bytes is what 512
calls left allocated, with the collector off. locked is `ok`, or `MemoryError` if the same calls
allocated anything with the heap locked. quiet is `ok`, or `collected` if they set off a collection
that was to come after 4 KiB: calls of functions with large frames allocate, and free at once.

Arguments: the compiled profiles of the reference car and of the odd car.
"""

import gc
import sys

import micropython  # type: ignore[import-not-found]

from gateway.profile_file import decode
from gateway.vehicle.state import VehicleState
from tests.differential.frames import checksum, reference_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CALLS = 512  # a multiple of the counter's 16
DOORS = 0x100
CLIMATE = 0x110
DRIVE = 0x130


def load(path: str) -> VehicleState:
    with open(path, "rb") as file:
        state = VehicleState(decode(file.read()))
    for first in range(0, len(state.paths), 3):  # several groups that share messages
        state.add_group(list(range(first, min(first + 5, len(state.paths)))))
    return state


def doors(counter: int, fill: int = 0) -> memoryview:
    data = bytes([0, 0] + [fill] * 6)
    return memoryview(reference_frame(DOORS, counter % 16, data))


def drive(counter: int) -> memoryview:
    return memoryview(reference_frame(DRIVE, counter, bytes(8)))


def climate(counter: int) -> memoryview:
    return memoryview(reference_frame(CLIMATE, counter, bytes(8)))


def call(
    state: VehicleState,
    arbitration_id: int,
    is_extended_id: bool,
    frames: "list[Any]",
    step_ms: int,
    result: "list[Any]",
) -> None:
    """Make the calls; put the status of all of them, or None, into result[0]."""
    count = len(frames)
    now_ms = 0
    status = state.receive(0, arbitration_id, is_extended_id, frames[0], now_ms)
    result[0] = status
    for i in range(1, CALLS):
        now_ms += step_ms
        if state.receive(0, arbitration_id, is_extended_id, frames[i % count], now_ms) != status:
            result[0] = None


def call_and_allocate(
    state: VehicleState,
    arbitration_id: int,
    is_extended_id: bool,
    frames: "list[Any]",
    step_ms: int,
    result: "list[Any]",
) -> None:
    """Do the same, and allocate, to show that it is noticed."""
    call(state, arbitration_id, is_extended_id, frames, step_ms, result)
    for _ in range(CALLS):
        result[1] = bytes(100)


def measure(
    kind: str,
    state: VehicleState,
    arbitration_id: int,
    is_extended_id: bool,
    frames: "list[Any]",
    step_ms: int,
    function: "Callable[..., None]" = call,
) -> None:
    """Print what the calls did and allocated."""
    result = [None, None]
    # Once before, for the first step of a counter is not like the others.
    function(state, arbitration_id, is_extended_id, frames, step_ms, result)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    function(state, arbitration_id, is_extended_id, frames, step_ms, result)
    allocated = gc.mem_alloc() - before  # type: ignore[attr-defined]
    gc.enable()
    micropython.heap_lock()
    try:
        function(state, arbitration_id, is_extended_id, frames, step_ms, result)
        locked = "ok"
    except MemoryError:
        locked = "MemoryError"
    micropython.heap_unlock()
    gc.collect()
    gc.threshold(4096)  # type: ignore[attr-defined]
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    bytearray(2000)  # what a collection would free
    function(state, arbitration_id, is_extended_id, frames, step_ms, result)
    kept = gc.mem_alloc() - before  # type: ignore[attr-defined]
    quiet = "ok" if kept >= 2000 else "collected"
    gc.threshold(-1)  # type: ignore[attr-defined]
    print(kind, result[0], allocated, locked, quiet)


def main(reference_file: str, odd_file: str) -> None:
    reference = load(reference_file)
    odd = load(odd_file)
    counters = range(16)
    same = [doors(c) for c in counters]
    modes = [bytes([mode, 0x11, 2, 3, 4, 5, 6, 7]) for mode in (0, 1, 10, 0, 5)]
    past_end = bytes([0, 0, 0, 0, 0, 0, 15 << 2])  # the odd car's counter ends at 14
    past_end += bytes([checksum(0x101, past_end + bytes(1), 7)])
    measure("accepted", reference, DOORS, False, same, 0)
    measure("j1850", reference, CLIMATE, False, [climate(c) for c in counters], 0)
    measure("e2e_5", reference, DRIVE, False, [drive(16 * c) for c in counters], 0)
    measure("changed", reference, DOORS, False, [doors(c, 17 * c) for c in counters], 0)
    measure("overdue", reference, DOORS, False, same, 10_000)
    measure("skipped", reference, DOORS, False, [doors(3 * c) for c in counters], 0)
    measure("multiplexed", odd, 0x100, False, modes, 0)
    measure("extended", odd, 0x18FF1234, True, [bytes(8), bytes([255] * 8)], 0)
    measure("unknown", reference, 0x7FF, False, same, 0)
    measure("long", reference, DOORS, False, [bytes(64)], 0)
    measure("short", reference, DOORS, False, [b""], 0)
    measure("checksum", reference, DOORS, False, [bytes(8)], 0)
    measure("repeated", reference, DOORS, False, [doors(15)], 0)
    measure("sequence", reference, DOORS, False, [doors(12 * c + 11) for c in counters], 0)
    measure("past_end", odd, 0x101, False, [past_end], 0)
    measure("control", reference, 0x7FF, False, same, 0, call_and_allocate)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
