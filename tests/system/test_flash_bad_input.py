"""What `carport flash` says of ports, boards and images that are not right: a sentence each."""

import fcntl
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carport.errors import CarportError, NoAnswerError
from carport.hardware import board_named
from carport.install.chip import CableError, Chip, explain
from carport.install.installation import Content, examine, whole_flash
from carport.install.micropython_image import read_micropython
from carport.install.package import build_package
from carport.install.partitions import Partition, encode_table
from carport.install.repl import Repl
from tests.models import esp_images
from tests.models.cable_board import FLASH_BYTES, CableBoard
from tests.system.command_line import CommandLine

BOARD = "devkit-mcp2515"


@pytest.fixture
def carport(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """An image that fits."""
    path = tmp_path / "ESP32_GENERIC-SPIRAM-20260601-v1.29.0.bin"
    path.write_bytes(esp_images.micropython())
    return str(path)


@contextmanager
def board_at_a_port(
    tmp_path: Path, name: str = BOARD, content: bytes = b""
) -> Iterator[CableBoard]:
    """Connect a board, whose flash begins so."""
    place = tmp_path / "flash.bin"
    place.write_bytes(content.ljust(FLASH_BYTES, b"\xff"))
    with CableBoard(place, board_named(name).settings(1)) as cable:
        yield cable


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--board", "arduino"], "there is no board arduino: there are", id="board"),
        pytest.param(["--board", BOARD, "--car", "trabant"], "trabant", id="car"),
        pytest.param(["--board", BOARD, "--port", "/dev/nowhere"], "no serial port", id="port"),
        pytest.param(["--board", BOARD, "--image-sha256", "00"], "not the one asked", id="hash"),
        pytest.param(
            ["--board", "t-2can"], r"is for the esp32, LilyGo T-2CAN has the esp32s3", id="image"
        ),
        pytest.param(
            ["--board", BOARD, "--merged", "x", "--erase"], "--merged only writes", id="merged"
        ),
        pytest.param(
            ["--board", BOARD, "--merged", "/nowhere/x"], "cannot be written", id="no folder"
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: list[str], said: str, carport: CommandLine, file: str
) -> None:
    if "trabant" in words:
        words = [*words, "--merged", "x"]
    error = carport.run("flash", "--image", file, *words, exit_code=2)["error"]
    assert said in error
    assert ":" in error, "it says what to do"


def test_another_chip_is_refused_and_left_alone(
    tmp_path: Path, carport: CommandLine, file: str
) -> None:
    with board_at_a_port(tmp_path, "t-2can") as cable:
        words = ("flash", "--image", file, "--board", BOARD, "--port", cable.path)
        error = carport.run(*words, exit_code=2)["error"]
        assert error.startswith("the chip is an esp32s3, and ESP32-WROVER-E DevKit")
        assert cable.flash.read_bytes() == b"\xff" * FLASH_BYTES


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with board_at_a_port(tmp_path) as cable, open(cable.path, "rb", 0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NoAnswerError, match="another program is using /dev/pts"):
            Chip(cable.path).identify()


def test_silence_and_noise_are_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPTOOL_CONNECT_ATTEMPTS", "1")
    master, slave = pty.openpty()
    try:
        with pytest.raises(NoAnswerError, match="hold the board's button BOOT"):
            Chip(os.ttyname(slave)).identify()
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_went_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carport.install.repl._SILENT_S", 0.0)
    asked = []

    def ask_once_and_give_up() -> None:
        asked.append("RESET")
        monkeypatch.setattr("carport.install.repl._START_S", 0.0)

    with pytest.raises(NoAnswerError, match="MicroPython does not answer at /dev/nowhere"):
        Repl("/dev/nowhere").wait(ask_once_and_give_up)
    assert asked == ["RESET"]


@pytest.mark.parametrize(
    ("esptool_says", "kind", "said"),
    [
        (
            "Could not open /dev/ttyUSB0, the port is busy or doesn't exist.\n([Errno 13] could "
            "not open port /dev/ttyUSB0: [Errno 13] Permission denied: '/dev/ttyUSB0')",
            NoAnswerError,
            "you may not open COM1: add yourself to its group",
        ),
        (
            "A fatal error occurred: Failed to connect to ESP32: Wrong boot mode detected (0x13)!",
            NoAnswerError,
            "hold the board's button BOOT",
        ),
        (
            "A fatal error occurred: The chip stopped responding.",
            CableError,
            "run the same again",
        ),
        (
            "A fatal error occurred: MD5 of file does not match data in flash!",
            CarportError,
            "the board's flash is worn out",
        ),
        (
            "A fatal error occurred: Secure Boot V1 detected.",
            CarportError,
            "esptool failed (Secure Boot V1 detected)",
        ),
        ("", CarportError, "esptool failed"),
    ],
)
def test_what_esptool_says_becomes_a_sentence(
    esptool_says: str, kind: type[CarportError], said: str
) -> None:
    error = explain("COM1", esptool_says)
    assert type(error) is kind
    assert said in str(error)


def test_a_board_that_was_another_one_is_not_flashed_over(
    tmp_path: Path, carport: CommandLine, file: str
) -> None:
    other = Content(read_micropython(Path(file)), build_package("t-can485", "reference"), {})
    with board_at_a_port(tmp_path, content=whole_flash(other, 4, b"")) as cable:
        with Chip(cable.path) as chip:
            present = examine(chip, board_named(BOARD))
        assert [head.board for head in present.packages] == ["t-can485"]
        words = ("flash", "--image", file, "--board", BOARD, "--port", cable.path)
        error = carport.run(*words, exit_code=2)["error"]
        assert error == (
            "this board was flashed as t-can485: name that with --board, or add --erase"
        )


@pytest.mark.usefixtures("needs_vm")
def test_a_full_file_system_is_told(tmp_path: Path) -> None:
    flash = bytearray(b"\xff" * FLASH_BYTES)
    flash[0x8000:0x9000] = encode_table([Partition("vfs", 1, 0x81, 0x2A4000, 0x10000)])
    with board_at_a_port(tmp_path, content=bytes(flash)) as cable:
        repl = Repl(cable.path)
        repl.wait()
        too_much = os.urandom(0x11000)
        with pytest.raises(CarportError, match=r"file system is full: .*or flash with --erase"):
            repl.copy({"/data": too_much})
