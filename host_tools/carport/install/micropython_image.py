"""A MicroPython image, as it is downloaded or built: taken apart, and judged for a board.

The file holds what goes to flash from the chip's first program on: bootloader, partition table,
application. Bootloader and application are used as they are, the partition table is not.

No list of official hashes exists here. An image is sound by its own checksums; that it is the one
that MicroPython published, only its SHA-256 beside the download page's can tell. That it is
MicroPython at all its banner says: its builds leave the project's name out of the description
(ports/esp32/boards/sdkconfig.base, APP_EXCLUDE_PROJECT_NAME_VAR).

Nothing here was tried with a real board yet.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from carport.errors import UsageError
from carport.hardware.board import Board
from carport.install.esp_image import EspImage, ImageError, read_image
from carport.install.partitions import TABLE_OFFSET, TableError, carport_table, decode_table, find

OLDEST_VERSION = (1, 26)
BOOTLOADER_OFFSETS = {"esp32": 0x1000, "esp32s3": 0x0, "esp32c6": 0x0}
_LARGEST_BYTES = 32 * 1024 * 1024

# A build from a clone without tags has a commit's hash in place of the version.
_BANNER = re.compile(rb"MicroPython (?:v(\d+)\.(\d+))?[-.\w]* on \d{4}-\d\d-\d\d")
_FROZEN = b"firmware/loader.py\0"  # as MicroPython names what is frozen


@dataclass(frozen=True)
class MicroPythonImage:
    """What a file holds.

    version: None if it does not say. is_frozen: it was built with firmware/manifest.py.
    """

    path: Path
    sha256: str
    chip: str
    bootloader: EspImage
    app: EspImage
    version: tuple[int, int] | None
    is_frozen: bool

    def is_build(self, name: str) -> bool:
        """Tell whether it was built under that name: what sys.implementation._build says."""
        return name.encode() + b"\0" in self.app.data


def read_micropython(path: Path, sha256: str | None = None) -> MicroPythonImage:
    """Return what the file holds, if it is sound.

    sha256: what its SHA-256 must be, in hex.

    Raises:
        UsageError: it cannot be read, or is no sound image of MicroPython.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): give another one") from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise UsageError(f"the SHA-256 of {path} is {digest}, not the one asked for: get it anew")
    try:
        return _take_apart(path, data, digest)
    except (ImageError, TableError) as error:
        raise UsageError(
            f"{path} is no sound MicroPython image for an ESP32 ({error}): download it anew"
        ) from error


def check_fits(image: MicroPythonImage, board: Board) -> None:
    """Check that this image is one for this board.

    Raises:
        UsageError: it is not; the text says why, and which one is.
    """
    advice = f"get {wanted_file(board)}"
    name = image.path.name
    if image.chip != board.chip:
        raise UsageError(
            f"{name} is for the {image.chip}, {board.title} has the {board.chip}: {advice}"
        )
    factory = find(carport_table(board.flash_mib), "factory")
    if len(image.app.data) > factory.size:
        raise UsageError(
            f"the program in {name} is larger than the {factory.size // 1024} KiB there are for "
            f"it: {advice}"
        )
    if image.version is not None and image.version < OLDEST_VERSION:
        found, oldest = (".".join(map(str, each)) for each in (image.version, OLDEST_VERSION))
        raise UsageError(f"{name} is MicroPython {found}, Carport needs {oldest}: {advice}")
    if image.is_frozen:
        return
    if not board.psram_mib:
        raise UsageError(
            f"{board.title} has no PSRAM, and without it Carport does not fit into the memory "
            "beside a stock MicroPython: build one with firmware/manifest.py, see docs/building.md"
        )
    if not image.is_build(board.image):
        raise UsageError(f"{name} is another build than {board.image}: {advice}")


def check_buses(image: MicroPythonImage, board: Board, buses: int) -> None:
    """Check that this image can drive the controllers that so many buses take.

    Raises:
        UsageError: it is a stock one, and one of them is the chip's own.
    """
    if not image.is_frozen and not board.works_on_stock(buses):
        raise UsageError(
            f"this car's {buses} buses take a CAN controller of the {board.chip} itself on a "
            f"{board.title}, which stock MicroPython cannot drive: build one that can, see "
            "docs/building.md, or take another board"
        )


def find_image(board: Board, folder: Path) -> MicroPythonImage:
    """Return the newest image in the folder that fits the board.

    Raises:
        UsageError: there is none; the text says which file to get, and where.
    """
    reasons = []
    for path in sorted(folder.glob("*.bin"), key=_version_in_name, reverse=True):
        try:
            image = read_micropython(path)
            check_fits(image, board)
        except UsageError as error:
            reasons.append(str(error))
            continue
        return image
    if len(reasons) == 1:
        raise UsageError(reasons[0])
    raise UsageError(f"there is no MicroPython for this board in {folder}: {_how_to_get(board)}")


def wanted_file(board: Board) -> str:
    """Return which file the board takes, and where it is."""
    oldest = ".".join(map(str, OLDEST_VERSION))
    folder = board.image.partition("-")[0]
    return (
        f"{board.image}-DATE-vVERSION.bin, version {oldest} or newer, "
        f"from https://micropython.org/download/{folder}/"
    )


def _how_to_get(board: Board) -> str:
    if board.psram_mib:
        return f"get {wanted_file(board)}, and put it there or name it with --image"
    return (
        f"{board.title} has no PSRAM, so it takes one that was built with firmware/manifest.py: "
        "see docs/building.md, and name it with --image"
    )


def _version_in_name(path: Path) -> list[int]:
    """Return the version in a file's name, so that 1.30 comes after 1.4."""
    found = re.search(r"v(\d+(?:\.\d+)+)", path.name)
    return [int(each) for each in found[1].split(".")] if found else []


def _take_apart(path: Path, data: bytes, digest: str) -> MicroPythonImage:
    if len(data) > _LARGEST_BYTES:
        raise ImageError("it is too long")
    bootloader = read_image(data)
    if bootloader.project is not None:
        raise ImageError("it is an application alone, without its bootloader")
    offset = BOOTLOADER_OFFSETS.get(bootloader.chip)
    if offset is None:
        raise ImageError(f"it is for the {bootloader.chip}, which Carport does not know")
    table = decode_table(data[TABLE_OFFSET - offset :][:0x1000])
    apps = [each for each in table if each.is_app]
    if not apps:
        raise ImageError("it has no application")
    app = read_image(data[apps[0].offset - offset :])
    if app.chip_id != bootloader.chip_id:
        raise ImageError("its parts are for different chips")
    banner = _BANNER.search(app.data)
    if banner is None:
        raise ImageError(f"its program is {app.project or 'unknown'}")
    return MicroPythonImage(
        path=path,
        sha256=digest,
        chip=bootloader.chip,
        bootloader=bootloader,
        app=app,
        version=(int(banner[1]), int(banner[2])) if banner[1] else None,
        is_frozen=_FROZEN in app.data,
    )
