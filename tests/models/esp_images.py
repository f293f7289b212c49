"""Images of MicroPython as its download page has them, but for the programs: those are noise.

They differ from real ones in that nothing runs them; esptool takes them for sound. As in real ones
the description names no project, and the partition table no file system: MicroPython adds one at
its start where there is none (ports/esp32/main.c, boards/sdkconfig.base, partitions-4MiBplus.csv).
"""

import hashlib
import random
import struct

from carport.install.esp_image import CHIPS
from carport.install.micropython_image import BOOTLOADER_OFFSETS
from carport.install.partitions import Partition, encode_table

APP_OFFSET = 0x10000
STOCK_TABLE = [
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, APP_OFFSET, 0x1F0000),
]


def esp_image(chip: str, segments: list[bytes]) -> bytes:
    """Return an image with these segments, of whole words each."""
    header = struct.pack(
        "<BBBBIB3sHBHH4sB",
        *(0xE9, len(segments), 2, 0x20, 0x40080000, 0xEE, bytes(3)),
        *(CHIPS[chip], 0, 0, 399, bytes(4), 1),
    )
    image = header
    checksum = 0xEF
    for segment in segments:
        assert not len(segment) % 4
        image += struct.pack("<II", 0x3F400020, len(segment)) + segment
        for byte in segment:
            checksum ^= byte
    image += bytes(15 - len(image) % 16) + bytes((checksum,))
    return image + hashlib.sha256(image).digest()


def app(
    chip: str = "esp32",
    build: str = "ESP32_GENERIC-SPIRAM",
    version: str = "v1.29.0",
    project: str = "",
    is_frozen: bool = False,
    size: int = 40_000,
) -> bytes:
    """Return an application that says this of itself; with a project's name, another's."""
    description = struct.pack("<III4x32s32s160x", 0xABCD5432, 0, 0, b"", project.encode())
    words = [f"3.4.0; MicroPython {version} on 2026-06-01" if not project else "v1", build]
    if is_frozen:
        words.append("firmware/loader.py")
    text = b"".join(word.encode() + b"\0" for word in ["", *words])
    noise = random.Random(size).randbytes(size)
    return esp_image(chip, [_whole(description + text), _whole(noise)])


def micropython(
    chip: str = "esp32", application: bytes | None = None, table: list[Partition] = STOCK_TABLE
) -> bytes:
    """Return the file as it is downloaded."""
    start = BOOTLOADER_OFFSETS[chip]
    bootloader = esp_image(chip, [random.Random(chip).randbytes(16_000)])
    flash = bytearray(b"\xff" * (APP_OFFSET - start))
    flash[: len(bootloader)] = bootloader
    encoded = encode_table(table)
    flash[0x8000 - start : 0x8000 - start + len(encoded)] = encoded
    return bytes(flash) + (app(chip) if application is None else application)


def _whole(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
