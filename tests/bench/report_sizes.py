"""The sections of BENCHMARKS.md about how large the firmware is, and what updating it takes."""

from tests.bench.boot import Boots
from tests.bench.figures import median, p99, text
from tests.bench.sizes import Sizes
from tests.bench.tables import table
from tests.bench.updating import PIECES, Updating

SECTOR_BYTES = 4096


def sizes(measured: Sizes) -> str:
    """Return the section."""
    rows = [
        [
            f"`{folder}/`",
            f"{sum(modules.values()):,}",
            ", ".join(f"{name} {size:,}" for name, size in _largest_first(modules)),
        ]
        for folder, modules in measured.modules.items()
    ]
    rows.append(["all", f"{measured.code:,}", ""])
    packages = [
        [f"package for {board}, its largest car `{car}`", f"{size:,} of {measured.slot:,}"]
        for board, car, size in measured.packages
    ]
    loader = sum(measured.loader.values())
    packages.append(["the loader, in the file system", f"{loader:,} of {measured.files:,}"])
    return f"""\
## The compiled firmware

Bytecode as `mpy-cross` makes it for every chip, in bytes of the .mpy files (module `__init__` is
the folder's own). A board has the modules of its own port only.

{table(["folder", "bytes", "modules, largest first"], rows)}

A package is that, the wiring and a car's profile; it lies in one of two slots. These are the
partitions of a flash of 4 MB: each package fits with a tenth to spare, which `make test` holds
(`tests/bench/test_sizes.py`). That MicroPython itself fits its partition, `carport flash` checks
with the image that it is given.

{table(["what", "bytes"], packages)}"""


def updates(measured: Updating, boots: Boots) -> str:
    """Return the section."""
    base = median(measured.bare_us)
    boot_us = median(boots.own_ms) * 1000
    rows = [
        [
            f"a piece of 512 bytes, one of 8 with an erasure; {PIECES - 1} of them",
            *(text(median(measured.piece_us)), text(p99(measured.piece_us))),
            f"{median(measured.piece_us) / base:.1f}x a bare echo",
        ],
        [
            f"the hash of a package of {measured.package_bytes:,} bytes, at each start",
            *(text(median(measured.check_us)), text(p99(measured.check_us))),
            f"{median(measured.check_us) / boot_us:.2f}x the boot from there to ready",
        ],
    ]
    heap = [
        ["free when ready", f"{measured.ready_bytes:,} bytes"],
        ["free while an update arrives", f"{measured.receiving_bytes:,} bytes"],
    ]
    return f"""\
## Updates

A package arrives in the real firmware over loopback UDP, and goes straight to the emulated flash,
which takes no time here: an ESP32 stands still while a sector is erased, up to 200 ms, and this
package has {-(-measured.package_bytes // SECTOR_BYTES)} of them. SHA-256 is C's on both.

{table(["what", "median, us", "p99, us", "ratio"], rows)}

{table(["heap", ""], heap)}"""


def _largest_first(modules: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(modules.items(), key=lambda each: -each[1])
