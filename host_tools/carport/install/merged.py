"""A fresh board's whole flash as one file, and the manifest for flashing it from a browser.

The file system in it is a littlefs that MicroPython's VfsLfs2 mounts. Flashing it erases what was
on the board, keys too; `carport flash` is what keeps them.

Source: ESP Web Tools, "Creating your manifest"; MicroPython, extmod/vfs_lfs.c.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from littlefs import LittleFS

from carport.errors import UsageError
from carport.hardware import Board
from carport.install.installation import Content, whole_flash
from carport.install.partitions import SECTOR_BYTES, carport_table, find
from gateway import package

MANIFEST = "manifest.json"
_CHIP_FAMILIES = {"esp32": "ESP32", "esp32s3": "ESP32-S3", "esp32c6": "ESP32-C6"}

# What VfsLfs2 takes where it is told nothing else. Files of up to the cache's size are kept within
# their folder's block, so a larger cache would make files that MicroPython cannot read.
_READ_BYTES = _PROGRAM_BYTES = _LOOKAHEAD_BYTES = 32
_CACHE_BYTES = 128


def write_merged(path: Path, board: Board, content: Content) -> Path:
    """Write the flash of a fresh board, and the manifest beside it; return the manifest's path.

    Raises:
        UsageError: they cannot be written.
    """
    size = find(carport_table(board.flash_mib), "vfs").size
    files = {} if content.image.is_frozen else content.files
    flash = whole_flash(content, board.flash_mib, file_system(files, size))
    version = package.decode(content.package[: package.HEAD_BYTES]).version
    part = {"path": path.name, "offset": 0}
    manifest = {
        "name": f"Carport for {board.title}",
        "version": version,
        "new_install_prompt_erase": True,
        "builds": [{"chipFamily": _CHIP_FAMILIES[board.chip], "parts": [part]}],
    }
    beside = path.with_name(MANIFEST)
    try:
        _write(path, flash)
        _write(beside, json.dumps(manifest, indent=1).encode() + b"\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): choose another --merged"
        ) from error
    return beside


def file_system(files: Mapping[str, bytes], size: int) -> bytes:
    """Return a littlefs of so many bytes with these files, up to its last block in use."""
    system = LittleFS(
        block_size=SECTOR_BYTES,
        block_count=size // SECTOR_BYTES,
        read_size=_READ_BYTES,
        prog_size=_PROGRAM_BYTES,
        cache_size=_CACHE_BYTES,
        lookahead_size=_LOOKAHEAD_BYTES,
    )
    for name, content in sorted(files.items()):
        system.makedirs(str(PurePosixPath(name).parent), exist_ok=True)
        with system.open(name, "wb") as file:
            file.write(content)
    return bytes(system.context.buffer).rstrip(b"\xff")


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(data)
    os.chmod(new.name, 0o644)
    os.replace(new.name, path)
