"""The firmware as a ROMFS image: code that the VM runs where it lies, as a board runs frozen code.

So only what a board would have in RAM is in the VM's heap, beside the image itself.

    image = D2 CD 31, length, records; an even number of bytes
    record = kind, length, payload; kinds: 2 data, 4 a directory, 5 a file
    directory = length of the name, name, records         file = the same, with one record of data

Kinds and lengths are big-endian in bytes of 7 bits, all but the last with the highest bit set.

Source: MicroPython's documentation, "ROMFS".
"""

import os
import tempfile
from pathlib import Path

_HEADER = b"\xd2\xcd\x31"
_DATA, _DIRECTORY, _FILE = 2, 4, 5
_PACKAGES = ("firmware", "gateway")

# The names in the code, which MicroPython interns: frozen code has them in flash. They are 1,700
# here, and take what micropython.qstr_info() tells, less the unused end of their last table.
_NAMES_BYTES = 40 * 1024

# The tables of names and constants of the modules that are loaded when the board is ready, and the
# constants in them, by the counts in the heads of their .mpy files: 5,300 of 2 bytes, 330 of 40.
_TABLES_BYTES = 23 * 1024


def rom_image(device_code: Path) -> Path:
    """Return the image of what compile_device_code made, which is kept beside it."""
    path = device_code / "firmware.romfs"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=device_code, suffix=".new", delete=False) as new:
            new.write(_image(device_code))
        os.replace(new.name, path)
    return path


def flash_bytes(image: Path) -> int:
    """Return how much of what the code takes in the VM's heap a board has in flash."""
    return image.stat().st_size + _NAMES_BYTES + _TABLES_BYTES


def _image(device_code: Path) -> bytes:
    records = b"".join(_entry(device_code / package) for package in _PACKAGES)
    length = _number(len(records))
    if (len(_HEADER) + len(length) + len(records)) % 2:
        length = b"\x80" + length
    return _HEADER + length + records


def _entry(path: Path) -> bytes:
    name = _number(len(path.name)) + path.name.encode()
    if path.is_dir():
        return _record(
            _DIRECTORY, name + b"".join(_entry(each) for each in sorted(path.iterdir()))
        )
    return _record(_FILE, name + _record(_DATA, path.read_bytes()))


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    encoded = bytes((value & 0x7F,))
    while value := value >> 7:
        encoded = bytes((0x80 | value & 0x7F,)) + encoded
    return encoded
