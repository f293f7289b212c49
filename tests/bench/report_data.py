"""The sections of BENCHMARKS.md about the car's data: recording, export, and the heap with it."""

from tests.bench.export import BITS_A_BYTE, LOCKS, Export, Transfer
from tests.bench.figures import median, p99, text
from tests.bench.recording import Recorded
from tests.bench.tables import table

BAUD = 115_200
CYCLES = 100_000
FILE_BLOCKS = 510  # of 4 KiB, as the emulator and tests/bench/recording_in_vm.py have them

_DAY_S = 86_400
_DAYS_A_YEAR = 365.25


def data(recorded: dict[str, Recorded], export: Export, file_system: str) -> str:
    """Return the sections."""
    return "\n\n".join(
        [_recording(recorded, file_system), _loop(recorded["full"], file_system), _export(export)]
    )


def _recording(recorded: dict[str, Recorded], file_system: str) -> str:
    rows = []
    for kind, each in recorded.items():
        days = each.seconds / _DAY_S
        erases_a_day = each.erases / days
        rows.append(
            [
                f"{kind}: {each.signals} signals at {each.interval_s} s",
                f"{each.rows / days:,.0f}",
                f"{each.bytes / days:,.0f}",
                f"{each.stores / days:,.0f}",
                f"{erases_a_day:,.0f}",
                f"{CYCLES * FILE_BLOCKS / erases_a_day / _DAYS_A_YEAR:,.0f}",
                f"{each.hottest}",
                f"{CYCLES * days / each.hottest / _DAYS_A_YEAR:,.0f}",
            ]
        )
    head = [
        *("consent", "rows a day", "bytes of rows a day", "stores a day", "erases a day"),
        *("years, average block", "most erases of one block", "years, if it stays the hottest"),
    ]
    hours = " and ".join(f"{each.seconds // 3600}" for each in recorded.values())
    return f"""\
## Recording

The reference car drives without a pause for {hours} simulated hours, recorded by the core and the
firmware's storage in the VM, on littlefs on the emulated flash, whose erases are counted for each
block (the image is on {file_system}). A day here is 24 hours of driving: of a car that drives one
hour a day, take a 24th. Years are {CYCLES:,} cycles, which makers state, over {FILE_BLOCKS}
blocks, of which a board with 4 MB has a third less; the last column supposes that no other block
ever takes over, which littlefs sees to after 100 cycles of its folders.
Command: `make bench` (`tests/bench/recording.py`).

{table(head, rows)}"""


def _loop(full: Recorded, file_system: str) -> str:
    rows = []
    pairs = [
        ("GET /lock, its state encoded anew", full.without.status_us, full.recording.status_us),
        ("lock, from its datagram to its frame", full.without.lock_us, full.recording.lock_us),
    ]
    for name, without, recording in pairs:
        ratio = median(recording) / median(without)
        rows.append([name, text(median(without)), text(median(recording)), f"{ratio:.2f}"])
    turns = [
        ["a turn with a row of each group that is due", *_figures(full.rows_us)],
        [f"a turn that seals and stores a block, on {file_system}", *_figures(full.stores_us)],
    ]
    return f"""\
## What recording costs the command loop

The core alone, as above, before and after consent to all groups at {full.interval_s} s, in one run
(`tests/bench/recording_in_vm.py`). Rows are taken and blocks stored in turns of their own, never
while a command is under way: one that comes during such a turn waits for its end.

{table(["operation", "VM, not recording, us", "recording, us", "ratio"], rows)}

{table(["turn", "VM median, us", "p99, us"], turns)}"""


def _export(export: Export) -> str:
    links = [("LAN: UDP over loopback", export.lan), ("serial: a pty", export.serial)]
    rows = [
        [
            name,
            f"{transfer.payload_bytes:,}",
            f"{transfer.rate:,.0f}",
            f"{transfer.payload_bytes / transfer.bare_s:,.0f}",
            f"{transfer.share:.1%}",
            f"{transfer.payload_bytes / transfer.wire_bytes:.1%}",
        ]
        for name, transfer in links
    ]
    head = ["link", "bytes", "bytes/s", "bare, bytes/s", "share", "payload of all bytes"]
    collected = sum(export.is_collected)
    heap = [
        ["free when ready, recording", f"{export.ready_bytes:,} bytes"],
        ["free with everything loaded", f"{export.loaded_bytes:,} bytes"],
        [
            "allocated by a lock, from its datagram to its frame",
            f"{median(export.used_bytes):,.0f} bytes" if export.used_bytes else "not reached",
        ],
        ["locks answered before the heap had no room", f"{len(export.is_collected)} of {LOCKS}"],
        ["collections between their datagram and their frame", f"{collected}"],
    ]
    return f"""\
## Export

The blocks of the full recording, fetched from the real firmware one exchange after the other by a
raw client, which decrypts the answers meanwhile. Bare is the same number of exchanges of the same
sizes in the same run: over UDP the VM sends bytes that it has; the pty is one with a small program
at its other end. A pty has no bit rate:
{_at_baud(export.serial)}.

{table(head, rows)}

The heap of that board afterwards, which goes on recording all groups each second: asked for
everything there is, with observers of `/lock`, `/signals` and `/records/live`, and then locks.
"Free" is after a collection, in a VM of 64 bits, where all takes about twice what it does on an
ESP32.

{table(["what", ""], heap)}"""


def _at_baud(serial: Transfer) -> str:
    seconds = serial.wire_bytes * BITS_A_BYTE / BAUD
    rate = serial.payload_bytes / seconds
    share = rate * BITS_A_BYTE / BAUD
    return (
        f"at {BAUD:,} baud the wire alone would let {rate:,.0f} bytes/s through, {share:.0%} of "
        "the link, less what the board takes for each exchange: a projection"
    )


def _figures(samples: list[int]) -> list[str]:
    return [text(median(samples)), text(p99(samples))]
