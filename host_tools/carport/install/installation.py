"""What `carport flash` does to a board, in which order, and what of it is left to do.

The slots are emptied first and the package is written last. In between the board has no firmware
to start, so it stays at MicroPython's REPL, where files can be copied; and a run that was
interrupted at any point leaves a board that is as one not flashed yet, so the same run again ends
it. What is written already is not written again: the chip compares hashes.

    1  empty the slots and the boot record; on a board that was not ours, or with --erase, also
       nvs, the keys and the file system
    2  bootloader, application, and the partition table, which makes the board ours
    3  start, and copy the loader's files; not where the firmware is frozen in
    4  the package into slot a, and start
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from carport.errors import UsageError
from carport.hardware.board import Board
from carport.install.chip import Found, Progress, Region
from carport.install.micropython_image import BOOTLOADER_OFFSETS, MicroPythonImage
from carport.install.partitions import (
    SECTOR_BYTES,
    SMALLEST_FLASH_MIB,
    TABLE_BYTES,
    TABLE_OFFSET,
    TableError,
    carport_table,
    decode_table,
    encode_table,
    find,
)

_SLOTS = ("carport_a", "carport_b")
_OURS = ("nvs", "carport_keys", "vfs")  # besides the slots and their record


class ChipPort(Protocol):
    """What is needed of carport.install.chip.Chip."""

    def identify(self) -> Found: ...

    def read(self, address: int, length: int) -> bytes: ...

    def has(self, regions: list[Region]) -> bool: ...

    def write(
        self, regions: list[Region], progress: Progress = ..., *, and_start: bool = ...
    ) -> None: ...


class ReplPort(Protocol):
    """What is needed of carport.install.repl.Repl."""

    def wait(self) -> None: ...

    def copy(self, files: Mapping[str, bytes], progress: Progress = ...) -> None: ...


@dataclass(frozen=True)
class Content:
    """What is to be on the board: files by their paths in its file system."""

    board: Board
    image: MicroPythonImage
    package: bytes
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Outlook:
    """What is to be done to a board.

    flash_mib: its flash. is_fresh: keys and files are erased, or are not ours. is_done: nothing is
    left to write.
    """

    flash_mib: int
    is_fresh: bool
    is_done: bool


def look(chip: ChipPort, content: Content, is_erasing: bool) -> Outlook:
    """Find out what the board is and what is left to do; change nothing.

    Raises:
        UsageError: it is another board than the one named, or too small.
        CarportError: it does not answer.
    """
    found = chip.identify()
    board = content.board
    if found.chip != board.chip:
        raise UsageError(
            f"the chip is an {found.chip}, and {board.title} has an {board.chip}: "
            "name the board that it is with --board"
        )
    if found.flash_mib < SMALLEST_FLASH_MIB:
        raise UsageError(
            f"the board has {found.flash_mib} MiB of flash, and Carport needs "
            f"{SMALLEST_FLASH_MIB}: take another board"
        )
    try:
        is_ours = decode_table(chip.read(TABLE_OFFSET, TABLE_BYTES)) == carport_table(
            found.flash_mib
        )
    except TableError:
        is_ours = False
    is_fresh = is_erasing or not is_ours
    written = [*firmware(content, found.flash_mib), package(content, found.flash_mib)]
    return Outlook(found.flash_mib, is_fresh, not is_fresh and chip.has(written))


def install(
    chip: ChipPort,
    repl: ReplPort,
    content: Content,
    outlook: Outlook,
    report: Callable[[str], Progress],
) -> None:
    """Do what is left to do.

    report: called with each step's name; what it returns is told how far the step is.

    Raises:
        CarportError: it cannot be done; the same again goes on from there.
    """
    if outlook.is_done:
        return
    is_frozen = content.image.is_frozen
    flash_mib = outlook.flash_mib
    emptied = empty(flash_mib, outlook.is_fresh)
    chip.write(
        [*emptied, *firmware(content, flash_mib)],
        report("MicroPython"),
        and_start=not is_frozen,
    )
    if not is_frozen:
        starting = report("start")
        starting(0, 1)
        repl.wait()
        starting(1, 1)
        repl.copy(content.files, report("files"))
    chip.write([package(content, flash_mib)], report("Carport"), and_start=True)


def empty(flash_mib: int, is_fresh: bool) -> list[Region]:
    """Return what is erased: of slots that are in use, the sector that makes them valid."""
    table = carport_table(flash_mib)
    labels = ("carport_boot", *_SLOTS, *(_OURS if is_fresh else ()))
    regions = []
    for label in labels:
        partition = find(table, label)
        is_cut = label in _SLOTS and not is_fresh
        size = SECTOR_BYTES if is_cut else partition.size
        regions.append((partition.offset, b"\xff" * size))
    return regions


def firmware(content: Content, flash_mib: int) -> list[Region]:
    """Return bootloader, application and partition table, in the order they are written."""
    image = content.image
    table = carport_table(flash_mib)
    return [
        (BOOTLOADER_OFFSETS[image.chip], image.bootloader.for_flash(flash_mib).data),
        (find(table, "factory").offset, image.app.data),
        (TABLE_OFFSET, encode_table(table)),
    ]


def package(content: Content, flash_mib: int) -> Region:
    """Return the package and where it lies.

    Raises:
        UsageError: it is larger than a slot.
    """
    slot = find(carport_table(flash_mib), "carport_a")
    if len(content.package) > slot.size:
        raise UsageError(
            f"the firmware and the car's profile take {len(content.package) // 1024} KiB, and a "
            f"slot has {slot.size // 1024}: choose a car with fewer signals"
        )
    return slot.offset, content.package
