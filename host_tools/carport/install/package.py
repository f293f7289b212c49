"""An update's package, and what else of the firmware lies on a board.

A package is what lies in a slot of the board's flash: a head of 512 bytes (gateway/package.py),
then a ROMFS image of the compiled firmware without the other port, board.json and profile.cbor.
It is the same for every chip, but not for every board: pins differ.

The loader's files lie in the board's file system, and no update touches them.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from carport.emulator.device_code import compile_for_boards
from carport.errors import CarportError, UsageError
from carport.hardware import board_named
from carport.install.partitions import SLOT_BYTES
from carport.install.romfs import rom_image
from carport.paths import cache_dir, device_source_root
from carport.profile import compile_to_file
from carport.profile.installed import profile_folder
from gateway import package, profile_file
from gateway.errors import DecodeError

EMULATOR = "emulator"

LOADER = (
    *("gateway/__init__", "gateway/cbor", "gateway/const", "gateway/errors", "gateway/package"),
    *("firmware/__init__", "firmware/loader", "firmware/slot_choice"),
    *("firmware/slots", "firmware/two_sectors"),
    *("firmware/ports/__init__", "firmware/ports/esp32/__init__"),
    *("firmware/ports/esp32/partition", "firmware/ports/esp32/slots"),
    "firmware/ports/esp32/slot_files",
)
"""The modules that a board needs to start what is in a slot."""

_NOT_IN_A_SLOT = {
    *("firmware/boot.mpy", "firmware/manifest.mpy"),
    *("firmware/loader.mpy", "firmware/slot_choice.mpy"),
}
_PORTS = "firmware/ports/"
_MPY_VERSION_AT = 1
_VERSION = re.compile(r'^VERSION = "(.*)"$', re.MULTILINE)


class PackageError(CarportError):
    """What should go into a package does not fit."""


def build_package(board: str, car: str | None = None, root: Path | None = None) -> bytes:
    """Return the package for a board, "emulator" or one of hw/boards, with a car's profile.

    Without a car the board keeps the profile in its file system. root: the folder with the
    sources, if not this installation's.

    Raises:
        DeviceCodeError: the firmware does not compile here.
        PackageError: it is too large.
        UsageError: there is no such board or car, or they do not fit each other.
    """
    root = device_source_root() if root is None else root
    code = compile_for_boards(root)
    port = "unix" if board == EMULATOR else "esp32"
    files = {
        name: content
        for name, content in _compiled(code).items()
        if name not in _NOT_IN_A_SLOT and _is_for(name, port)
    }
    profile = None
    if car is not None:
        profile = compile_to_file(profile_folder(car), cache_dir() / "profiles").read_bytes()
    files["board.json"] = json.dumps(_settings(board, profile)).encode()
    if profile is not None:
        files["profile.cbor"] = profile
    payload = rom_image(files)
    if len(payload) > SLOT_BYTES - package.HEAD_BYTES:
        raise PackageError(
            f"the package has {len(payload)} bytes, more than a slot of {SLOT_BYTES} holds"
        )
    return package.encode(_head(root, board, car, payload, files)) + payload


def read_header(data: bytes) -> dict[str, Any]:
    """Return what a package says of itself: version, board, size, sha256, mpy and car, if any.

    Raises:
        UsageError: this is no whole package.
    """
    try:
        head = package.decode(data[: package.HEAD_BYTES])
    except DecodeError as error:
        raise UsageError(f"{error}: name one that `carport update --build` wrote") from error
    payload = data[package.HEAD_BYTES :]
    if len(payload) != head.size or hashlib.sha256(payload).digest() != head.sha256:
        raise UsageError("the package is damaged: build it again with `carport update --build`")
    fields = {"version": head.version, "board": head.board, "size": head.size}
    fields |= {"sha256": head.sha256, "mpy": head.mpy}
    return fields | ({"car": head.car} if head.car else {})


def loader_files(root: Path | None = None) -> dict[str, bytes]:
    """Return the files of a board's file system that start what is in its slots, by their paths.

    Raises:
        DeviceCodeError: the firmware does not compile here.
    """
    root = device_source_root() if root is None else root
    code = compile_for_boards(root)
    files = {f"/lib/{name}.mpy": (code / f"{name}.mpy").read_bytes() for name in LOADER}
    files["/boot.py"] = (root / "firmware" / "boot.py").read_bytes()
    files["/main.py"] = (root / "firmware" / "ports" / "esp32" / "main.py").read_bytes()
    return files


def _compiled(code: Path) -> dict[str, bytes]:
    paths = sorted(code.rglob("*.mpy"))
    return {path.relative_to(code).as_posix(): path.read_bytes() for path in paths}


def _is_for(name: str, port: str) -> bool:
    """Tell whether a module is of this port, or of none."""
    folder, _, rest = name.removeprefix(_PORTS).partition("/")
    return not name.startswith(_PORTS) or not rest or folder == port


def _settings(board: str, profile: bytes | None) -> dict[str, Any]:
    """Return board.json."""
    if board == EMULATOR:
        return {"board": EMULATOR}
    known = board_named(board)
    buses = len(known.can) if profile is None else len(profile_file.decode(profile)["buses"])
    return known.settings(buses)


def _head(
    root: Path, board: str, car: str | None, payload: bytes, files: dict[str, bytes]
) -> dict[str, Any]:
    """Return the map that `carport.cddl` calls package-head."""
    found = _VERSION.search((root / "gateway" / "core.py").read_text())
    if found is None:
        raise PackageError(f"gateway/core.py in {root} has no VERSION")
    head: dict[str, Any] = {
        "version": found[1],
        "board": board,
        "size": len(payload),
        "sha256": hashlib.sha256(payload).digest(),
        "mpy": files["gateway/core.mpy"][_MPY_VERSION_AT],
    }
    return head if car is None else {**head, "car": car}
