"""What `carport flash` does to a board, in which order, and what of it is left to do.

No slot is whole until the end, so that the board stays at MicroPython's REPL, where files can be
copied; and a run that was interrupted at any point is ended by the same run again. What is
written already is not written again: the chip compares hashes.

    1  erase the boot record, and a sector of slot b; on a board that is not ours yet, or with
       --erase, all of slot b, nvs, the keys and the file system
    2  bootloader, application, the partition table, which makes the board ours, and the package
       into slot a, but for a sector; start
    3  the loader's files; then the missing sector and the boot record, by MicroPython; start

The sector is the second one: the first tells, to a later run, which car the board is in. Where the
firmware is frozen into MicroPython, all is written at once, and there are no files. One visit to
the bootloader does for all: boards whose USB port is the program's own cannot be sent there by the
cable once MicroPython runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from carport.errors import UsageError
from carport.hardware import Board
from carport.install import boot_record
from carport.install.chip import Found, Progress, Region
from carport.install.micropython_image import BOOTLOADER_OFFSETS, MicroPythonImage
from carport.install.partitions import (
    SECTOR_BYTES,
    SMALLEST_FLASH_MIB,
    TABLE_BYTES,
    TABLE_OFFSET,
    Partition,
    TableError,
    carport_table,
    decode_table,
    encode_table,
    find,
)
from carport.install.repl import Block
from gateway.errors import DecodeError
from gateway.package import HEAD_BYTES, Head, decode

_BOOT = "carport_boot"
_SLOTS = ("carport_a", "carport_b")
_ERASED_SECTOR = b"\xff" * SECTOR_BYTES
_MISSING_SECTOR = slice(SECTOR_BYTES, 2 * SECTOR_BYTES)
_ERASED_ON_A_FRESH_BOARD = ("nvs", "carport_keys", "carport_b", "vfs")


class ChipPort(Protocol):
    """What is needed of carport.install.chip.Chip."""

    def identify(self) -> Found: ...

    def read(self, address: int, length: int) -> bytes: ...

    def has(self, regions: Sequence[Region]) -> bool: ...

    def write(self, regions: Sequence[Region], progress: Progress = ...) -> None: ...

    def start(self) -> None: ...


class ReplPort(Protocol):
    """What is needed of carport.install.repl.Repl."""

    def wait(self, on_silence: Callable[[], object] = ...) -> None: ...

    def copy(self, files: Mapping[str, bytes], progress: Progress = ...) -> None: ...

    def write_and_restart(self, blocks: Sequence[Block]) -> None: ...


@dataclass(frozen=True)
class Present:
    """What a board has: its flash, whether its partitions are ours, the packages in its slots.

    flash_mib: how much of its flash its partitions take, or are to take.
    """

    flash_mib: int
    is_ours: bool
    packages: list[Head]


@dataclass(frozen=True)
class Content:
    """What is to be on the board: files by their paths in its file system."""

    image: MicroPythonImage
    package: bytes
    files: Mapping[str, bytes]


def examine(chip: ChipPort, board: Board) -> Present:
    """Find out what is connected.

    Raises:
        UsageError: it is another board than the one named, or too small.
        CarportError: it does not answer.
    """
    found = chip.identify()
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
    table = _our_table(chip.read(TABLE_OFFSET, TABLE_BYTES), found.flash_mib)
    if table is None:
        return Present(found.flash_mib, False, [])
    return Present(_end(table) >> 20, True, _packages(chip, table))


def is_done(chip: ChipPort, content: Content, flash_mib: int) -> bool:
    """Tell whether a board of ours has all this already."""
    return chip.has([*_firmware(content, flash_mib), _record(flash_mib)])


def install(
    chip: ChipPort,
    repl: ReplPort,
    content: Content,
    flash_mib: int,
    is_fresh: bool,
    report: Callable[[str], Progress],
) -> None:
    """Put it on the board; is_fresh: erase keys, settings and data.

    report: called with each step's name; what it returns is told how far the step is.

    Raises:
        CarportError: it cannot be done; the same again goes on from there.
    """
    is_frozen = content.image.is_frozen
    regions = [
        *_erased(flash_mib, is_fresh),
        *_firmware(content, flash_mib, without_a_sector=not is_frozen),
    ]
    chip.write(regions, report("Writing"))
    if is_frozen:
        chip.write([_record(flash_mib)])
    chip.start()
    if is_frozen:
        return
    starting = report("Starting MicroPython")
    starting(0, 1)
    repl.wait(lambda: report("Press RESET now"))
    starting(1, 1)
    repl.copy(content.files, report("Copying the loader"))
    sector = content.package[_MISSING_SECTOR].ljust(SECTOR_BYTES, b"\xff")
    record = boot_record.slot_a_runs()[:SECTOR_BYTES]
    repl.write_and_restart([(_SLOTS[0], 1, sector), (_BOOT, 0, record)])


def whole_flash(content: Content, flash_mib: int, vfs: bytes) -> bytes:
    """Return all of a fresh board's flash, up to the last byte that is not erased.

    vfs: its file system.
    """
    flash = bytearray(b"\xff" * (flash_mib << 20))
    files = find(carport_table(flash_mib), "vfs").offset, vfs
    for address, data in (*_firmware(content, flash_mib), _record(flash_mib), files):
        flash[address : address + len(data)] = data
    return bytes(flash).rstrip(b"\xff")


def _our_table(data: bytes, flash_mib: int) -> list[Partition] | None:
    """Return Carport's partitions, if it is they that a board has.

    One that was flashed with the merged image of a board with less flash uses no more than that.
    """
    try:
        table = decode_table(data)
    except TableError:
        return None
    used_mib = _end(table) >> 20
    is_ours = SMALLEST_FLASH_MIB <= used_mib <= flash_mib and table == carport_table(used_mib)
    return table if is_ours else None


def _end(table: list[Partition]) -> int:
    return table[-1].offset + table[-1].size


def _packages(chip: ChipPort, table: list[Partition]) -> list[Head]:
    heads = []
    for label in _SLOTS:
        try:
            data = chip.read(find(table, label).offset, HEAD_BYTES)
            heads.append(decode(data))
        except DecodeError:
            continue
    return heads


def _erased(flash_mib: int, is_fresh: bool) -> list[Region]:
    table = carport_table(flash_mib)
    labels = (_BOOT, *(_ERASED_ON_A_FRESH_BOARD if is_fresh else ()))
    partitions = [find(table, label) for label in labels]
    erased = [(each.offset, b"\xff" * each.size) for each in partitions]
    if not is_fresh:
        erased.append((find(table, _SLOTS[1]).offset + SECTOR_BYTES, _ERASED_SECTOR))
    return erased


def _firmware(content: Content, flash_mib: int, without_a_sector: bool = False) -> list[Region]:
    """Return what can be written before the board starts, in the order it is written."""
    image = content.image
    table = carport_table(flash_mib)
    slot = find(table, _SLOTS[0])
    package = bytearray(content.package.ljust(slot.size, b"\xff"))
    if without_a_sector:
        package[_MISSING_SECTOR] = _ERASED_SECTOR
    return [
        (BOOTLOADER_OFFSETS[image.chip], image.bootloader.for_flash(flash_mib).data),
        (find(table, "factory").offset, image.app.data),
        (TABLE_OFFSET, encode_table(table)),
        (slot.offset, bytes(package)),
    ]


def _record(flash_mib: int) -> Region:
    return find(carport_table(flash_mib), _BOOT).offset, boot_record.slot_a_runs()
