"""How large the compiled firmware is, module by module, and where it lies in a flash of 4 MB."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from carport.emulator.device_code import compile_for_boards
from carport.errors import UsageError
from carport.hardware import installed_boards
from carport.install.package import build_package, loader_files
from carport.install.partitions import SLOT_BYTES, SMALLEST_FLASH_MIB, carport_table, find
from carport.paths import device_source_root
from carport.profile.installed import installed_profiles

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sizes:
    """In bytes.

    modules: {folder: {module: bytes of bytecode}}. packages: (board, car, bytes) of the largest
    package for each board. loader: what lies in the file system beside the slots. files: of the
    file system's partition in the smallest flash.
    """

    modules: dict[str, dict[str, int]]
    packages: list[tuple[str, str, int]]
    loader: dict[str, int]
    slot: int
    files: int

    @property
    def code(self) -> int:
        """All modules."""
        return sum(sum(modules.values()) for modules in self.modules.values())


def measure() -> Sizes:
    """Compile everything, and build a package for each board and each car that fits it."""
    code = compile_for_boards(device_source_root())
    modules: dict[str, dict[str, int]] = {}
    for path in sorted(code.rglob("*.mpy")):
        name = PurePosixPath(path.relative_to(code).as_posix())
        modules.setdefault(str(name.parent), {})[name.stem] = path.stat().st_size
    return Sizes(
        modules,
        [max(_packages(board), key=lambda each: each[2]) for board in installed_boards()],
        {name: len(content) for name, content in loader_files().items()},
        SLOT_BYTES,
        find(carport_table(SMALLEST_FLASH_MIB), "vfs").size,
    )


def _packages(board: str) -> Iterator[tuple[str, str, int]]:
    for car in installed_profiles():
        try:
            yield board, car, len(build_package(board, car))
        except UsageError:  # more buses than it has controllers
            continue


def ends_in_flash(flash_mib: int) -> bool:
    """Tell whether the partitions follow each other without overlap, up to the flash's end."""
    end = 0
    for partition in carport_table(flash_mib):
        if partition.offset < end:
            return False
        end = partition.offset + partition.size
    return end <= flash_mib * MIB
