"""A package: what is in it, that nothing in it can change unnoticed, and what starts it."""

import hashlib
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import cbor2
import pytest

from carport.emulator.device_code import compile_for_boards
from carport.errors import UsageError
from carport.hardware import installed_boards
from carport.install import package as host
from carport.install.boot_record import RECORD_BYTES, active_slot, slot_a_runs
from carport.install.package import (
    LOADER,
    PackageError,
    build_package,
    loader_files,
    read_header,
)
from carport.install.partitions import SLOT_BYTES
from carport.paths import device_source_root
from firmware.slots import CONFIRMED, Slots
from gateway import package
from gateway.core import VERSION
from gateway.errors import DecodeError
from tests.models import payloads
from tests.models.packages import changed_sources, package_of
from tests.power.chip import BLOCK_BYTES, Chip, Partition
from tests.vm import REPOSITORY, VM


@pytest.fixture(scope="module")
def built() -> bytes:
    return build_package("emulator", "reference")


def test_the_head_says_what_is_in_it(built: bytes) -> None:
    assert read_header(built) == {
        "version": VERSION,
        "board": "emulator",
        "size": len(built) - 512,
        "sha256": hashlib.sha256(built[512:]).digest(),
        "mpy": 6,
        "car": "reference",
    }
    length = int.from_bytes(built[5:7], "big")
    assert cbor2.loads(built[7 : 7 + length]) == read_header(built)
    payloads.check(built[7 : 7 + length])


def test_board_and_host_read_the_same_head(built: bytes, vm: VM) -> None:
    assert vm.both("gateway.package", "numbers_of", "1.20.3") == (1, 20, 3)
    for version in ("1.2", "1.2.3.4", "1.2.x", "", "1..2", "-1.2.3", "1.2.99999", "²2.0.0"):
        with pytest.raises(DecodeError):
            vm.both("gateway.package", "numbers_of", version)


def test_each_flipped_byte_of_the_head_is_noticed(built: bytes) -> None:
    head = bytearray(built[:512])
    for offset in range(512):
        for mask in (1, 0x80, 0xFF):
            head[offset] ^= mask
            with pytest.raises(DecodeError):
                package.decode(head)
            head[offset] ^= mask


def test_a_flipped_or_missing_byte_of_the_payload_is_noticed(built: bytes) -> None:
    random = Random(1)
    for _ in range(20):
        damaged = bytearray(built)
        damaged[random.randrange(512, len(built))] ^= 1 << random.randrange(8)
        with pytest.raises(UsageError, match="damaged"):
            read_header(bytes(damaged))
    for wrong in (built[:-1], built + b"\0", built[:600]):
        with pytest.raises(UsageError, match="damaged"):
            read_header(wrong)
    for wrong in (b"", built[:100], b"\xff" * 1000):
        with pytest.raises(UsageError, match="no package"):
            read_header(wrong)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": 0},
        {"size": -1},
        {"size": "1"},
        {"sha256": bytes(31)},
        {"board": "b" * 33},
        {"car": 1},
        {"mpy": None},
        {"version": "next"},
        {"more": 1, "and": 2},
    ],
)
def test_a_head_that_says_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        package.decode(package_of(b"payload", **fields)[:512])


@pytest.mark.parametrize("board", ["emulator", *installed_boards()])
def test_each_board_gets_its_own_port_and_pins_and_fits_a_slot(board: str) -> None:
    content = build_package(board, "reference")
    assert len(content) <= SLOT_BYTES
    own, other = (b"unix", b"esp32") if board == "emulator" else (b"esp32", b"unix")
    assert own in content
    assert b"\x05" + other not in content
    (settings,) = re.findall(rb'\{"board": ".*\}', content)
    assert json.loads(settings)["board"] == board


def test_what_fits_no_slot_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SLOT_BYTES", 100_000)
    with pytest.raises(PackageError, match="more than a slot"):
        build_package("emulator")


def test_what_does_not_exist_is_said() -> None:
    for board, car in (("toaster", None), ("emulator", "toaster")):
        with pytest.raises(UsageError, match=r"there is no .* toaster: there are "):
            build_package(board, car)


def test_the_version_is_that_of_the_sources(tmp_path: Path) -> None:
    changes = {"gateway/core.py": (f'VERSION = "{VERSION}"', 'VERSION = "7.8.9"')}
    content = build_package("emulator", root=changed_sources(tmp_path, changes))
    assert read_header(content)["version"] == "7.8.9"
    assert "car" not in read_header(content)


def test_a_board_has_all_that_its_loader_imports() -> None:
    """And nothing else: what lies there, no update changes."""
    wanted = {"firmware/loader"}
    while True:
        found = set(wanted)
        for name in wanted:
            found |= imported_by(name)
        if found == wanted:
            break
        wanted = found
    assert wanted == {name for name in LOADER if not name.endswith("__init__")}
    for name in wanted:
        for folder in Path(name).parents:
            assert str(folder) == "." or f"{folder}/__init__" in LOADER


def imported_by(name: str) -> set[str]:
    """Return the modules that one imports on a board, whenever it does."""
    source = (REPOSITORY / f"{name}.py").read_text().replace("firmware.ports.unix", "")
    code = re.sub(r"if TYPE_CHECKING:\n(    .*\n|\n)+", "", source)
    found = set()
    for module, names in re.findall(r"from ([\w.]+) import ([\w, ]+)", code):
        for path in (module, *(f"{module}.{each.split(' ')[0]}" for each in names.split(", "))):
            if (REPOSITORY / (path.replace(".", "/") + ".py")).is_file():
                found.add(path.replace(".", "/"))
    return found - {"firmware/main"}  # of what it starts


def test_the_loaders_files_are_compiled_and_start_it() -> None:
    files = loader_files()
    compiled = compile_for_boards(device_source_root())
    for name in LOADER:
        assert files[f"/lib/{name}.mpy"] == (compiled / f"{name}.mpy").read_bytes()
    assert files["/main.py"].endswith(b"\n\nrun()\n")


def test_the_installers_boot_record_is_the_boards() -> None:
    chip = Chip(2)
    parts = Partition(chip, 0, 2)
    assert active_slot(b"\xff" * RECORD_BYTES) == 0
    chip.image[:] = slot_a_runs()
    for active in (1, 2, 0):
        slots = Slots(parts, (parts, parts))
        assert (active_slot(bytes(chip.image)), slots.tries) == (slots.active, CONFIRMED)
        slots.active = active
        slots.save()
        assert active_slot(bytes(chip.image)) == active
    chip.image[chip.image.index(b"CBOT") % (2 * BLOCK_BYTES) + 12] ^= 1
    assert active_slot(bytes(chip.image)) == 0
