"""BENCHMARKS.md: the same layout each time, so that a new run changes figures only."""

from collections.abc import Iterable, Sequence

from carport.emulator.firmware_process import HEAP_BYTES
from firmware.bench_loop import OPERATIONS
from tests.bench.core import Cost
from tests.bench.figures import median, p99, text
from tests.bench.lock_to_confirmed import Locks
from tests.bench.report_data import data
from tests.bench.report_receiving import receiving
from tests.bench.report_sizes import sizes, updates
from tests.bench.results import LocksOn, Results
from tests.bench.tables import SLOWER_HIGH, SLOWER_LOW, table
from tests.bench.vm import bench_vm

BUDGET = 3.0


def render(results: Results, date: str) -> str:
    """Return the file's content."""
    sections = [
        "# Benchmarks",
        _preface(results, date),
        _requests(results),
        _locks(results.locks),
        _core(results),
        receiving(results.core, results.driver, results.spi, results.loads),
        _confirmed(results.confirmed),
        _memory(results),
        sizes(results.sizes),
        updates(results.updating, results.boots),
        data(results.recorded, results.export, results.recorded_on),
        _boot(results),
        _projection(results),
    ]
    return "\n\n".join(sections) + "\n"


def _preface(results: Results, date: str) -> str:
    rows = [[name, value] for name, value in results.machine.items()]
    rows += [["date", date], ["command", "`make bench`"]]
    return f"""\
Written by `python -m tests.bench`, which is what `make bench` runs: do not edit.

{table(["made on", ""], rows)}

**How to read this.** No absolute time here is a result: another machine, or the same one with more
to do, has others. What counts are the ratios: each request is timed right after a bare UDP echo in
the same VM and the same run, so that whatever slows one slows the other. The medians say what a
command costs, the 99th percentiles how this machine was disturbed. The VM is MicroPython's own for
PCs with the heap of an ESP32; **nothing here was measured on a board**, and the last section,
which says what an ESP32 might make of it, is arithmetic. No test passes or fails by a time."""


def _requests(results: Results) -> str:
    times = results.requests
    base = median(times.bare_echo)
    kinds: list[tuple[str, Sequence[float], bool]] = [
        ("bare echo: `recvfrom`, `sendto`", times.bare_echo, False),
        ("echo through the firmware's loop", times.echo, False),
        (OPERATIONS["status"].title, times.status, True),
        (OPERATIONS["status_again"].title, times.status_again, True),
        (OPERATIONS["refused"].title, times.refused, True),
    ]
    floor = median(results.floor.answer) / median(results.floor.bare_echo)
    rows = []
    for name, samples, has_budget in kinds:
        ratio = median(samples) / base
        verdict = ("kept" if ratio <= BUDGET else "**missed**") if has_budget else ""
        rows.append([name, *_figures(samples), _ratio(ratio), verdict])
    head = ["exchange", "median, us", "p99, us", "x bare echo", f"budget of {BUDGET:g}x"]
    return f"""\
## A request over loopback UDP

The real firmware in the VM, authenticated requests (CoAP, OSCORE) from a raw client that sealed
them before. Both run on one CPU, where the system lets us choose, so that nothing here is the time
it takes to wake another one. {len(times.status)} of each, none of them with a collection in it:
see Memory for those.

{table(head, rows)}

How low could it be? An OSCORE answer in straight-line code, with no gateway around it (one key,
one constant answer: `tests/bench/floor_in_vm.py`), takes **{_ratio(floor)}x** a bare echo in this
VM, by medians of {len(results.floor.answer)} in turns."""


def _locks(all_locks: Iterable[LocksOn]) -> str:
    parts = []
    for locks in all_locks:
        times = locks.times
        base = median(times.bare_echo)
        saving = median(times.saving)
        rows = [
            ["bare echo", *_figures(times.bare_echo), _ratio(1)],
            [
                "lock, until its frame is given to the CAN port",
                *_figures(times.handed_over),
                _ratio(median(times.handed_over) / base),
            ],
            ["of that, saving the intent", *_figures(times.saving), _ratio(saving / base)],
            [
                "lock, until the car's end of the bus has the frame",
                *_figures(times.seen),
                _ratio(median(times.seen) / base),
            ],
        ]
        head = ["exchange", "median, us", "p99, us", "x bare echo"]
        parts.append(
            f"On {locks.file_system}, where one `fsync` of 64 bytes takes "
            f"{text(median(locks.sync_us))} us (p99 {text(p99(locks.sync_us))}):\n\n"
            + table(head, rows)
        )
    tables = "\n\n".join(parts)
    return f"""\
## A lock up to its CAN frame

The intent of a command is durable before its frame leaves, so this is the file system's time as
well. The board's flash is littlefs in an image file. The emulated bus takes 222 us for the frame,
and its hub wakes each millisecond.

{tables}"""


def _core(results: Results) -> str:
    rows = [
        [
            OPERATIONS[name].title,
            *_figures(cost.cpython_us),
            *_figures(cost.vm_us),
            f"{cost.vm_bytes:,}",
        ]
        for name, cost in _in_order(results)
    ]
    head = [
        *("operation", "CPython median, us", "p99", "VM median, us", "p99"),
        "bytes allocated in the VM",
    ]
    return f"""\
## The core alone

No sockets, no files: saves are acknowledged at once. On CPython by pytest-benchmark, with AES from
`cryptography`; in the VM compiled with mpy-cross, with AES from `cryptolib`. A VM of 64 bits
allocates about twice what an ESP32 would.

{table(head, rows)}"""


def _confirmed(confirmed: dict[str, Locks]) -> str:
    rows = [
        [
            name,
            *_figures(locks.whole_ms),
            text(median(locks.car_ms)),
            *_figures(locks.ours_ms),
        ]
        for name, locks in confirmed.items()
    ]
    head = [
        *("who asks, by which way", "whole, median, ms", "p99"),
        *("of that the car", "ours, median, ms", "p99"),
    ]
    count = len(next(iter(confirmed.values())).whole_ms)
    return f"""\
## From asking until the car has confirmed

`carport emulate` with its simulated car, whose lock motors take about 300 ms. "The car" is the
time from our frame on its bus until the frame that confirms; "ours" is the rest. The client is
`carport.client.Client`, connected already; the command line is the whole process, Python's start
included. {count} of each, so their p99 is the slowest.

{table(head, rows)}"""


def _memory(results: Results) -> str:
    memory = results.memory
    used = [used for used, is_collected in memory.watched if not is_collected]
    collected = sum(is_collected for _, is_collected in memory.watched)
    image = bench_vm().image_bytes
    grown = memory.load_bytes - memory.boot_bytes
    rows = [
        ["heap, beside the code", f"{HEAP_BYTES:,} bytes, as 111 KiB of an ESP32"],
        ["compiled code, which a board runs from flash", f"{image:,} bytes"],
        ["free after boot", f"{results.boots.free_bytes:,} bytes"],
        [f"kept more after {memory.load_requests:,} requests", f"{grown:,} bytes"],
        [
            "allocated by a lock, from its datagram to its frame, UDP and saving included",
            f"{median(used):,.0f} bytes",
        ],
        [
            "collections between a lock's datagram and its frame",
            f"{collected} in {len(memory.watched)} locks"
            + ("" if collected == 0 else " (budget of 0: **missed**)"),
        ],
        ["a collection takes", f"{text(median(memory.collections_us))} us"],
        [
            "the same with one forced in each, to show that it is noticed",
            f"{sum(memory.forced)} in {len(memory.forced)} locks",
        ],
    ]
    return f"""\
## Memory

In the whole firmware in the VM. "Kept" is after a collection. Each lock is asked for as clients
do: once without an Echo value, then with it. A collection is noticed by a file that nobody holds:
it is closed.

{table(["what", ""], rows)}"""


def _boot(results: Results) -> str:
    boots = results.boots
    rows = [
        ["from the process's start to the line that says ready", *_figures(boots.process_ms)],
        ["of that, by the firmware's own clock", *_figures(boots.own_ms)],
    ]
    return f"""\
## Boot to ready

Compiled files only; the file system and the profile exist. {len(boots.own_ms)} boots.

{table(["what", "median, ms", "p99, ms"], rows)}"""


def _projection(results: Results) -> str:
    rows = []
    for name, cost in _in_order(results):
        vm_us = median(cost.vm_us)
        rows.append([OPERATIONS[name].title, text(vm_us), _projected_ms(vm_us / 1000)])
    own_ms = median(results.boots.own_ms)
    rows.append(
        ["boot, by the firmware's own clock", f"{own_ms * 1000:,.0f}", _projected_ms(own_ms)]
    )
    return f"""\
## Projected to an ESP32: not measured

Interpreted code runs {SLOWER_LOW} to {SLOWER_HIGH} times slower on an ESP32 at 160 MHz than in a
VM on a PC, by published figures for other programs. These are the VM's medians from above, times
that. They are too high where C does the work, as for AES, SHA-256 and littlefs, and leave out what
only a board has: Wi-Fi, the CAN driver, the time flash takes.

{table(["operation", "VM, us", "ESP32, projected, ms"], rows)}"""


def _in_order(results: Results) -> list[tuple[str, Cost]]:
    return [(name, results.core[name]) for name in OPERATIONS]


def _projected_ms(vm_ms: float) -> str:
    return f"{text(vm_ms * SLOWER_LOW)} to {text(vm_ms * SLOWER_HIGH)}"


def _figures(samples: Sequence[float]) -> list[str]:
    return [text(median(samples)), text(p99(samples))]


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}"
