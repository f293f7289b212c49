"""What a build of MicroPython takes from here: manifest, _boot, partitions, and pins."""

import csv
from pathlib import Path
from typing import Any

import pytest

from carport.hardware import installed_boards
from carport.install.partitions import carport_table
from tests.vm import REPOSITORY, run_script

FIRMWARE = REPOSITORY / "firmware"
ESP32 = FIRMWARE / "ports" / "esp32"
SHIMS = REPOSITORY / "tests" / "shims"
TYPES = {"app": 0, "data": 1}
SUBTYPES = {"factory": 0x00, "phy": 0x01, "nvs": 0x02, "fat": 0x81}

BOOT = """
import sys, vfs
from tests.shims import chip
chip.add_partition("vfs", 64)
import esp32
files = esp32.Partition("vfs")
vfs.VfsLfs2.mkfs(files)
PREPARE
vfs.umount("/")
MOUNTED = "/"
exec(SOURCE)
import os
print(os.statvfs("/")[0])
"""


def frozen() -> dict[str, Path]:
    """Return what the manifest freezes: files and folders by the names they get."""
    found: dict[str, Path] = {}

    def module(name: str, base_path: str = ".") -> None:
        found[name] = FIRMWARE / base_path / name

    def package(name: str, base_path: str) -> None:
        found[name] = FIRMWARE / base_path / name

    def require(name: str) -> None:
        found[name] = Path("micropython-lib")

    commands: dict[str, Any] = {"module": module, "package": package, "require": require}
    exec((FIRMWARE / "manifest.py").read_text(), commands)
    return found


def test_the_manifest_freezes_what_there_is() -> None:
    assert set(frozen()) == {
        *("gateway", "firmware", "_boot.py", "boot.py", "main.py", "neopixel"),
    }
    for name, path in frozen().items():
        assert path.exists() or name == "neopixel", name
    assert "from firmware.loader import run" in frozen()["main.py"].read_text()


@pytest.mark.parametrize(
    ("prepare", "block_bytes"),
    [
        ("", 4096),
        ("chip.partitions['vfs'][:] = b'\\xff' * len(chip.partitions['vfs'])", 0),
        ("chip.partitions['vfs'][:8192] = b'?' * 8192", 0),
        ("del chip.partitions['vfs']", 0),
    ],
    ids=["sound", "erased", "damaged", "missing"],
)
def test_our_boot_mounts_what_can_be_mounted_and_goes_on(prepare: str, block_bytes: int) -> None:
    source = (ESP32 / "_boot.py").read_text()
    script = BOOT.replace("PREPARE", prepare).replace("SOURCE", repr(source))
    printed = run_script(script, heapsize="2m", path=[SHIMS])
    assert printed == f"{block_bytes}\n"


def test_the_partitions_are_those_that_carport_flash_writes() -> None:
    lines = (ESP32 / "partitions.csv").read_text().splitlines()
    rows = csv.reader((line for line in lines if not line.startswith("#")), skipinitialspace=True)
    written = [
        (
            label,
            TYPES[kind],
            SUBTYPES.get(sub) if sub in SUBTYPES else int(sub, 16),
            *map(_hex, at),
        )
        for label, kind, sub, *at in rows
    ]
    assert written == [
        (each.label, each.type, each.subtype, each.offset, each.size) for each in carport_table(4)
    ]


def test_the_page_has_the_pins_of_every_board_with_a_controller_of_its_own() -> None:
    page = (REPOSITORY / "docs" / "building.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    told = {
        cells[0]: [int(cell) for cell in cells[1:] if cell]
        for cells in ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)
    }
    real: dict[str, list[int]] = {}
    for board in installed_boards().values():
        for number, controller in enumerate(
            (each for each in board.can if each.controller == "twai"), start=1
        ):
            assert (controller.id, controller.tx is None) == (number, False)
            real.setdefault(board.name, []).extend([controller.tx or 0, controller.rx or 0])
    assert told == real


def _hex(number: str) -> int:
    return int(number, 16)
