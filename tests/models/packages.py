"""Packages of other firmware than this: from changed sources, or with any files in them."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carport.install.package import EMULATOR
from carport.install.romfs import rom_image
from carport.paths import device_source_root
from gateway import package

MPY = 6


def package_of(payload: bytes, **fields: Any) -> bytes:
    """Return a package with a payload; fields of its head say otherwise than it is."""
    head = {
        "version": "0.1.0",
        "board": EMULATOR,
        "size": len(payload),
        "sha256": hashlib.sha256(payload).digest(),
        "mpy": MPY,
        **fields,
    }
    return package.encode(head) + payload


def package_with(files: Mapping[str, bytes], **fields: Any) -> bytes:
    """Return a package with files."""
    return package_of(rom_image(files), **fields)


def changed_sources(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Path:
    """Return a folder with the firmware's sources, changed: {file: (what, into what)}."""
    root = device_source_root()
    for name in ("gateway", "firmware"):
        shutil.copytree(
            root / name, folder / name, ignore=shutil.ignore_patterns("profiles", "__pycache__")
        )
    for name, (before, after) in changes.items():
        text = (folder / name).read_text()
        assert before in text, f"{before} is not in {name}"
        (folder / name).write_text(text.replace(before, after))
    return folder
