"""MicroPython images: taken apart, judged for a board, and each kind of foreign or broken one."""

import dataclasses
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carport.errors import UsageError
from carport.hardware import Board, board_named
from carport.install.esp_image import ImageError, read_image
from carport.install.micropython_image import (
    check_buses,
    check_fits,
    find_image,
    read_micropython,
)
from carport.install.partitions import Partition
from tests.models import esp_images

S3_OCTAL = "ESP32_GENERIC_S3-SPIRAM_OCT"
FILE = "ESP32_GENERIC_S3-SPIRAM_OCT-20260601-v1.29.0.bin"


@pytest.fixture
def board() -> Board:
    """A board with PSRAM."""
    return board_named("t-2can")


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """`file(content, name)`: a file."""

    def make(content: bytes, name: str = FILE) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make


def s3(**said: object) -> bytes:
    """Return the file for that board, or one that differs."""
    words = {"chip": "esp32s3", "build": S3_OCTAL, **said}
    return esp_images.micropython("esp32s3", esp_images.app(**words))  # type: ignore[arg-type]


def test_an_image_is_taken_apart(board: Board, file: Callable[..., Path]) -> None:
    content = s3()
    image = read_micropython(file(content))
    assert image.chip == "esp32s3"
    assert image.version == (1, 29)
    assert not image.is_frozen
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert content.startswith(image.bootloader.data)
    assert content.endswith(image.app.data)
    check_fits(image, board)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v1.26.1", (1, 26)),
        ("v1.30.0-preview.12.g0577a5f26-dirty", (1, 30)),
        ("v1.16-237-g1613dc8a1-dirty", (1, 16)),
        ("963e599ec-dirty", None),
    ],
)
def test_the_banner_tells_the_version(
    said: str, version: tuple[int, int] | None, file: Callable[..., Path]
) -> None:
    assert read_micropython(file(s3(version=said))).version == version


def test_esptool_takes_the_models_for_sound_and_our_change_too(tmp_path: Path) -> None:
    bootloader = read_image(esp_images.micropython("esp32s3")).for_flash(16).data
    for name, data in (("app", esp_images.app()), ("bootloader", bootloader)):
        path = tmp_path / name
        path.write_bytes(data)
        words = [sys.executable, "-m", "esptool", "image-info", str(path)]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        assert said.count("(valid)") == 2, said
        assert name == "app" or "16MB" in said


def test_each_changed_byte_of_an_image_is_noticed() -> None:
    data = esp_images.esp_image("esp32", [b"abcd" * 20, b"1234"])
    assert read_image(data + b"more").data == data
    for at in range(len(data)):
        with pytest.raises(ImageError):
            read_image(data[:at] + bytes((data[at] ^ 0x80,)) + data[at + 1 :])
    for length in range(len(data)):
        with pytest.raises(ImageError):
            read_image(data[:length])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "does not begin as one", id="empty"),
        pytest.param(b"MZ" * 5000, "does not begin as one", id="something else"),
        pytest.param(s3()[:70_000], "is cut off", id="cut off"),
        pytest.param(s3()[:-1], "SHA-256 is wrong", id="a byte short"),
        pytest.param(s3()[:-9000] + bytes(9000), "checksum is wrong", id="damaged"),
        pytest.param(esp_images.app(), "without its bootloader", id="application alone"),
        pytest.param(s3(project="esphome"), "its program is esphome", id="another program"),
        pytest.param(
            esp_images.micropython("esp32s3", esp_images.esp_image("esp32s3", [bytes(40_000)])),
            "its program is unknown",
            id="nameless program",
        ),
        pytest.param(
            esp_images.micropython("esp32s3", esp_images.app("esp32c6")),
            "for different chips",
            id="mixed",
        ),
        pytest.param(
            esp_images.esp_image("esp32h2", [bytes(4)]), "does not know", id="unknown chip"
        ),
        pytest.param(
            esp_images.micropython("esp32", table=[Partition("vfs", 1, 0x81, 0x10000, 4096)]),
            "has no application",
            id="no application",
        ),
    ],
)
def test_foreign_and_broken_files_are_refused(
    content: bytes, said: str, file: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match=said):
        read_micropython(file(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(s3(version="v1.25.1"), "is MicroPython 1.25, Carport needs 1.26", id="old"),
        pytest.param(s3(build="ESP32_GENERIC_S3"), "another build than .*OCT", id="no PSRAM"),
        pytest.param(esp_images.micropython(), "is for the esp32, LilyGo", id="chip"),
        pytest.param(s3(size=0x1F0000), "larger than the 1984 KiB", id="too large"),
    ],
)
def test_images_for_something_else_are_refused(
    content: bytes, said: str, board: Board, file: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match=rf"{said}.*micropython.org/download/ESP32_GENERIC_S3/"):
        check_fits(read_micropython(file(content)), board)


def test_without_psram_only_a_frozen_build_fits(file: Callable[..., Path]) -> None:
    board = dataclasses.replace(board_named("t-2can"), psram_mib=0)
    with pytest.raises(UsageError, match=r"no PSRAM.*firmware/manifest.py"):
        check_fits(read_micropython(file(s3())), board)
    check_fits(read_micropython(file(s3(build="MY_BOARD", is_frozen=True))), board)


def test_another_hash_than_the_one_asked_for_is_refused(file: Callable[..., Path]) -> None:
    path = file(s3())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_micropython(path, digest.upper()).sha256 == digest
    with pytest.raises(UsageError, match=f"is {digest}, not the one"):
        read_micropython(path, "0" * 64)


def test_the_newest_file_that_fits_is_found(board: Board, file: Callable[..., Path]) -> None:
    folder = file(b"noise", "zzz.bin").parent
    file(s3(version="v1.28.0"), "ESP32_GENERIC_S3-SPIRAM_OCT-20260401-v1.28.0.bin")
    newest = file(s3(version="v1.101.0"), "ESP32_GENERIC_S3-SPIRAM_OCT-20260701-v1.101.0.bin")
    file(s3(build="ESP32_GENERIC_S3"), "ESP32_GENERIC_S3-20260801-v1.102.0.bin")
    assert find_image(board, folder).path == newest


def test_where_there_is_no_file_it_says_which_to_get(board: Board, tmp_path: Path) -> None:
    wanted = r"ESP32_GENERIC_S3-SPIRAM_OCT-DATE-vVERSION.bin, version 1.26 or newer, from https"
    with pytest.raises(UsageError, match=wanted):
        find_image(board, tmp_path)
    with pytest.raises(UsageError, match=r"no PSRAM.*docs/building.md"):
        find_image(dataclasses.replace(board, psram_mib=0), tmp_path)


def test_a_single_file_that_does_not_fit_is_told_why(
    board: Board, file: Callable[..., Path]
) -> None:
    path = file(s3(version="v1.20.0"))
    with pytest.raises(UsageError, match=r"is MicroPython 1\.20"):
        find_image(board, path.parent)


def test_a_stock_image_drives_no_controller_of_the_chip(
    board: Board, file: Callable[..., Path]
) -> None:
    image = read_micropython(file(s3()))
    check_buses(image, board, 1)
    with pytest.raises(UsageError, match="2 buses take a CAN controller of the esp32s3 itself"):
        check_buses(image, board, 2)
    check_buses(read_micropython(file(s3(is_frozen=True))), board, 2)
