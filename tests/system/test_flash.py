"""`carport flash` with the real esptool and mpremote, on a board that is modelled by its cable.

The gateway that answers in the end runs in a MicroPython VM, from the package in slot a, started
by the loader that was copied, on the modules of an ESP32 that tests/shims stand in for.
"""

import json
import os
import struct
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS

from carport.errors import CarportError, NoAnswerError
from carport.hardware import Board, board_named
from carport.install import boot_record
from carport.install.chip import Chip
from carport.install.installation import Content, examine, install, is_done
from carport.install.micropython_image import MicroPythonImage, read_micropython
from carport.install.package import build_package, loader_files, read_header
from carport.install.partitions import carport_table, decode_table, find
from carport.install.repl import Repl
from gateway import package
from tests.models import esp_images
from tests.models.cable_board import FLASH_BYTES, CableBoard
from tests.system.command_line import CommandLine

pytestmark = pytest.mark.usefixtures("needs_vm")

BOARD = "devkit-mcp2515"
FILE = "ESP32_GENERIC-SPIRAM-20260601-v1.29.0.bin"
TABLE = carport_table(4)
MICROPYTHONS_LITTLEFS: dict[str, Any] = {
    "block_size": 4096,
    "read_size": 32,
    "prog_size": 32,
    "cache_size": 128,
    "lookahead_size": 32,
}


@pytest.fixture
def board() -> Board:
    """The board that is flashed."""
    return board_named(BOARD)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file from the download page."""
    path = tmp_path / FILE
    path.write_bytes(esp_images.micropython())
    return path


@pytest.fixture
def image(file: Path) -> MicroPythonImage:
    """What is in it."""
    return read_micropython(file)


@pytest.fixture
def cable(tmp_path: Path, board: Board) -> Iterator[CableBoard]:
    """The board, connected, with an empty flash chip."""
    with CableBoard(tmp_path / "flash.bin", board.settings(2)) as connected:
        yield connected


@pytest.fixture
def carport(tmp_path: Path) -> CommandLine:
    """The command line of somebody who has paired with nobody yet."""
    return CommandLine(tmp_path / "home")


@pytest.fixture(scope="module")
def content() -> Callable[[MicroPythonImage], Content]:
    """`content(image)`: what is put on the board with it; the firmware is compiled once."""
    package, files = build_package(BOARD, "reference"), loader_files()
    return lambda image: Content(image, package, files)


def partition(cable: CableBoard, label: str) -> bytes:
    """Return what is in a partition of the board."""
    found = find(TABLE, label)
    return cable.flash.read_bytes()[found.offset : found.offset + found.size]


def files(cable: CableBoard, *paths: str) -> dict[str, bytes]:
    """Return what is in files of the board's file system."""
    vfs = find(TABLE, "vfs")
    system = LittleFS(block_count=vfs.size // 4096, mount=False, **MICROPYTHONS_LITTLEFS)
    system.context.buffer[:] = partition(cable, "vfs")
    system.mount()
    read = {}
    for path in paths:
        with system.open(path, "rb") as file:
            read[path] = file.read()
    return read


def put(cable: CableBoard, address: int, data: bytes) -> None:
    """Change what is in the flash chip."""
    with cable.flash.open("r+b") as flash:
        flash.seek(address)
        flash.write(data)


def flash(cable: CableBoard, board: Board, content: Content, is_fresh: bool | None = None) -> None:
    """Flash the board, as `carport flash` does before it pairs."""
    with Chip(cable.path) as chip:
        present = examine(chip, board)
        is_fresh = not present.is_ours if is_fresh is None else is_fresh
        install(chip, Repl(cable.path), content, present.flash_mib, is_fresh, lambda step: quiet)


def quiet(done: int, total: int) -> None:
    """Show nothing."""


class StopAt:
    """Does what another object does, but at the call of that name somebody presses Ctrl-C."""

    def __init__(self, real: object, name: str) -> None:
        self._real = real
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise KeyboardInterrupt
        return getattr(self._real, name)


def stop(cable: CableBoard, content: Content, name: str) -> None:
    """Begin to flash the board, up to the call of that name."""
    with suppress(KeyboardInterrupt), Chip(cable.path) as chip:
        stopped: Any = StopAt(chip, name)
        repl: Any = StopAt(Repl(cable.path), name)
        install(stopped, repl, content, 4, False, lambda step: quiet)
        pytest.fail(f"{name} was not called")


def is_whole(cable: CableBoard, slot: str) -> bool:
    """Tell whether a package is in a slot."""
    content = partition(cable, slot)
    if not content.startswith(b"CPKG"):
        return False
    size = package.decode(content[: package.HEAD_BYTES]).package_bytes
    try:
        read_header(content[:size])
    except CarportError:
        return False
    return True


def is_paired(carport: CommandLine, cable: CableBoard) -> bool:
    """Tell whether the board knows our key."""
    keys = carport.run("keys", "list", "--port", cable.path)["keys"]
    return [key["role"] for key in keys if key["you"]] == ["owner"]


def test_an_empty_board_becomes_a_gateway_that_is_paired(
    cable: CableBoard, carport: CommandLine, file: Path
) -> None:
    words = ("flash", "--board", BOARD, "--port", cable.path, "--image", str(file))
    planned = carport.run(*words, "--dry-run")
    assert planned["erases"]
    assert not planned["done"]
    assert cable.flash.read_bytes() == b"\xff" * FLASH_BYTES

    flashed = carport.run(*words)
    assert flashed["done"]
    content = cable.flash.read_bytes()
    assert decode_table(content[0x8000:0x9000]) == TABLE
    assert content[0x1000:].startswith(read_micropython(file).bootloader.for_flash(4).data)
    assert content[0x10000:].startswith(esp_images.app())
    assert partition(cable, "carport_boot") == boot_record.slot_a_runs()
    assert b"loader: slot a runs: 0.1.0" in cable.log
    assert b"for there is nothing else" not in cable.log  # it has read the boot record
    assert is_paired(carport, cable)

    keys = partition(cable, "carport_keys")
    other = carport.run(*words, "--car", "leaf-2016")
    assert (other["car"], other["gateway"]) == ("leaf-2016", flashed["gateway"])
    kept = carport.run(*words, "--dry-run")
    assert (kept["car"], kept["done"]) == ("leaf-2016", True)
    assert partition(cable, "carport_keys") == keys
    assert is_paired(carport, cable)


def test_a_run_that_is_stopped_is_ended_by_the_next_one_and_keys_stay(
    cable: CableBoard,
    board: Board,
    content: Callable[[MicroPythonImage], Content],
    image: MicroPythonImage,
) -> None:
    new = content(image)
    files_before = {**new.files, "/boot.py": b"#\n"}
    old = replace(new, package=build_package(BOARD, "leaf-2016"), files=files_before)
    flash(cable, board, old)
    with Chip(cable.path) as chip:  # where Ctrl-C would be a byte for the gateway
        chip.write([(find(TABLE, "carport_a").offset + 4096, b"\xff" * 4096)])
    Repl(cable.path).wait()
    Repl(cable.path).copy({"/records/keys": b"of the owner"})
    root = b"CPRT" + struct.pack(">IH", 1, 16) + b"the owner's root"
    put(cable, find(TABLE, "carport_keys").offset, root + struct.pack(">I", crc32(root)))
    keys = partition(cable, "carport_keys")  # as valid as the gateway asks, if it starts
    for step in ("wait", "write_and_restart"):
        old, new = new, old
        stop(cable, new, step)
        assert not any(is_whole(cable, label) for label in ("carport_a", "carport_b")), step
        flash(cable, board, new)
        wanted = {**new.files, "/records/keys": b"of the owner"}
        assert files(cable, *wanted) == wanted, step
        assert partition(cable, "carport_a").startswith(new.package), step
        assert partition(cable, "carport_keys") == keys, step
    flash(cable, board, new, is_fresh=True)
    assert partition(cable, "carport_keys") != keys
    with pytest.raises(FileNotFoundError):
        files(cable, "/records/keys")


@pytest.mark.parametrize(
    ("whom", "heard_bytes"),
    [("cut_after", 40_000), ("cut_after", 200_000), ("cut_in_micropython_after", 5_000)],
)
def test_a_foreign_board_whose_cable_is_pulled_is_ended_by_the_next_run(
    tmp_path: Path,
    board: Board,
    content: Callable[[MicroPythonImage], Content],
    image: MicroPythonImage,
    monkeypatch: pytest.MonkeyPatch,
    whom: str,
    heard_bytes: int,
) -> None:
    impatience = tmp_path / "esptool.cfg"
    impatience.write_text("[esptool]\nconnect_attempts = 1\n")
    monkeypatch.setenv("ESPTOOL_CFGFILE", str(impatience))
    place = tmp_path / "flash.bin"
    place.write_bytes(os.urandom(0x1000) * (FLASH_BYTES // 0x1000))
    wanted = content(image)
    with CableBoard(place, board.settings(2)) as cable:
        setattr(cable, whom, heard_bytes)
        with pytest.raises(NoAnswerError, match="run the same again"):
            flash(cable, board, wanted)
    with CableBoard(place, board.settings(2)) as cable:
        flash(cable, board, wanted)
        assert files(cable, *wanted.files) == wanted.files
        for label in ("nvs", "carport_keys", "carport_b"):
            assert not partition(cable, label).strip(b"\xff"), label
        with Chip(cable.path) as chip:
            assert is_done(chip, wanted, 4)


def test_a_board_with_the_firmware_frozen_in_needs_no_files(
    cable: CableBoard, board: Board, content: Callable[[MicroPythonImage], Content], tmp_path: Path
) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(esp_images.micropython("esp32", esp_images.app(is_frozen=True)))
    frozen = content(read_micropython(path))
    flash(cable, board, frozen)
    assert partition(cable, "carport_boot") == boot_record.slot_a_runs()
    assert not partition(cable, "vfs").strip(b"\xff")
    assert not cable.log
    with Chip(cable.path) as chip:
        assert is_done(chip, frozen, 4)


def test_the_merged_image_is_a_board_that_is_flashed(
    board: Board, carport: CommandLine, file: Path, tmp_path: Path
) -> None:
    merged = tmp_path / "carport.bin"
    words = ("flash", "--board", BOARD, "--image", str(file), "--merged", str(merged))
    told = carport.run(*words)
    manifest = json.loads(Path(told["manifest"]).read_text())
    part = {"path": "carport.bin", "offset": 0}
    assert manifest["builds"] == [{"chipFamily": "ESP32", "parts": [part]}]
    assert manifest["new_install_prompt_erase"]
    place = tmp_path / "flash.bin"
    place.write_bytes(merged.read_bytes().ljust(FLASH_BYTES, b"\xff"))
    with CableBoard(place, board.settings(2)) as cable:
        carport.run("pair", "--port", cable.path)
        assert b"loader: slot a runs: 0.1.0" in cable.log
        assert b"setup" not in cable.log  # the file system is the one in the image
        assert is_paired(carport, cable)
