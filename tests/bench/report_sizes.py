"""The section of BENCHMARKS.md about how large everything is."""

from tests.bench.sizes import Sizes
from tests.bench.tables import table


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


def _largest_first(modules: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(modules.items(), key=lambda each: -each[1])
