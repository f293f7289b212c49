"""A day of the core in the VM with a board's heap, time compressed: what each hour cost."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import inputs
from tests.bench.vm import bench_vm


@dataclass(frozen=True)
class Hour:
    """One hour: the heap in use at its end, and medians of what requests took."""

    number: int
    heap_bytes: int
    status_us: float
    lock_us: float


def live_through(hours: int, timeout_s: float) -> list[Hour]:
    """Return what each hour cost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inputs.cbor")
        path.write_bytes(inputs.for_the_vm())
        printed = bench_vm().run(
            "tests.soak.day_in_vm", str(path), str(hours), timeout_s=timeout_s
        )
    return [_hour(line) for line in printed.splitlines()]


def _hour(line: str) -> Hour:
    before, _, locks = line.partition("|")
    number, heap_bytes, *status_us = map(int, before.split())
    return Hour(number, heap_bytes, median(status_us), median(map(int, locks.split())))
