"""The firmware as a ROMFS image: code that the VM runs where it lies, as a board runs frozen code.

So only what a board would have in RAM is in the VM's heap, beside the image itself.
"""

import os
import tempfile
from pathlib import Path

from carport.install import romfs

# What MicroPython makes in RAM for the modules that are loaded when the board is ready, and has in
# flash for frozen ones. Measured in the VM, and counted in the heads of their .mpy files:
_NAMES_BYTES = 27 * 1024  # the tables of 2,000 names, as micropython.qstr_info() tells
_TABLES_BYTES = 25 * 1024  # each module's own: 5,900 names of 2 bytes, 360 constants of 40
_FUNCTIONS_BYTES = 41 * 1024  # where each function's code is: 1,060 of 40 bytes


def rom_image(device_code: Path) -> Path:
    """Return the image of what compile_device_code made, which is kept beside it."""
    path = device_code / "firmware.romfs"
    if not path.exists():
        files = {
            file.relative_to(device_code).as_posix(): file.read_bytes()
            for file in device_code.rglob("*")
            if file.suffix in (".mpy", ".py")
        }
        with tempfile.NamedTemporaryFile(dir=device_code, suffix=".new", delete=False) as new:
            new.write(romfs.rom_image(files))
        os.replace(new.name, path)
    return path


def flash_bytes(image: Path) -> int:
    """Return how much of what the code takes in the VM's heap a board has in flash."""
    return image.stat().st_size + _NAMES_BYTES + _TABLES_BYTES + _FUNCTIONS_BYTES
