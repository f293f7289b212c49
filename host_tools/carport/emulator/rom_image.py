"""The firmware as a ROMFS image: code that the VM runs where it lies, as a board runs frozen code.

So only what a board would have in RAM is in the VM's heap, beside the image itself.
"""

import os
import tempfile
from pathlib import Path

from carport.install import romfs

# The names in the code, which MicroPython interns: frozen code has them in flash. They are 2,000
# here, and take what micropython.qstr_info() tells, less the unused end of their last table.
_NAMES_BYTES = 43 * 1024

# The tables of names and constants of the modules that are loaded when the board is ready, and the
# constants in them, by the counts in the heads of their .mpy files: 5,900 of 2 bytes, 360 of 40.
_TABLES_BYTES = 25 * 1024


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
    return image.stat().st_size + _NAMES_BYTES + _TABLES_BYTES
