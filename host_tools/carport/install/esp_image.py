"""An ESP image: what a bootloader or an application of an ESP32 is, as a file and in flash.

    header   = E9 | segments | flash mode | flash size (4 bits), frequency (4) | entry point (4) |
               8 bytes | chip (2) ... | 1 if a SHA-256 is appended            24 bytes in all
    segment  = load address (4) | length (4) | data
    image    = header | segments | zeros | checksum, at the end of 16 bytes | SHA-256 of all that

The checksum is EF and all bytes of the segments' data, combined by exclusive or. The data of an
application's first segment begins with its description (`esp_app_desc_t`). Numbers are
little-endian.

Source: esptool's documentation, "Firmware Image Format"; ESP-IDF, "App Image Format".
"""

import hashlib
import struct
from dataclasses import dataclass

CHIPS = {"esp32": 0, "esp32s2": 2, "esp32c3": 5, "esp32s3": 9, "esp32c6": 13, "esp32h2": 16}
"""The number of each chip in the header."""

_HEADER = struct.Struct("<BBBBIB3sH9sB")
_SEGMENT = struct.Struct("<II")
_MAGIC = 0xE9
_CHECKSUM_SEED = 0xEF
_MOST_SEGMENTS = 16
_SHA256_BYTES = 32
_SIZE_AT = 3
_FLASH_SIZES_MIB = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4, 32: 5, 64: 6, 128: 7}

_DESCRIPTION_AT = _HEADER.size + _SEGMENT.size
_DESCRIPTION = struct.Struct("<I12x32s32s")
_DESCRIPTION_MAGIC = 0xABCD5432


class ImageError(Exception):
    """These bytes are no sound ESP image; the text says what is wrong with it."""


@dataclass(frozen=True)
class EspImage:
    """A sound image: its bytes, and the chip it is for, by its number in CHIPS."""

    data: bytes
    chip_id: int

    @property
    def chip(self) -> str:
        """The chip's name, or its number where we know no name."""
        names = {number: name for name, number in CHIPS.items()}
        return names.get(self.chip_id, f"chip number {self.chip_id}")

    @property
    def project(self) -> str | None:
        """What an application calls itself; None of a bootloader."""
        if len(self.data) < _DESCRIPTION_AT + _DESCRIPTION.size:
            return None
        magic, _, project = _DESCRIPTION.unpack_from(self.data, _DESCRIPTION_AT)
        if magic != _DESCRIPTION_MAGIC:
            return None
        return str(project.partition(b"\0")[0].decode("ascii", "replace"))

    def for_flash(self, flash_mib: int) -> "EspImage":
        """Return this image, a bootloader, for a flash chip of that size.

        A bootloader believes its header: with a smaller size in it, what lies behind is not used.
        """
        size = _FLASH_SIZES_MIB[flash_mib] << 4 | self.data[_SIZE_AT] & 0x0F
        body = self.data[:_SIZE_AT] + bytes((size,)) + self.data[_SIZE_AT + 1 : -_SHA256_BYTES]
        return EspImage(body + hashlib.sha256(body).digest(), self.chip_id)


def read_image(data: bytes) -> EspImage:
    """Return the image at the beginning of data, which may go on behind it.

    Raises:
        ImageError: there is none, or it is damaged.
    """
    if len(data) < _HEADER.size or data[0] != _MAGIC:
        raise ImageError("it does not begin as one")
    _, segments, *_, chip_id, _, has_hash = _HEADER.unpack_from(data)
    if not 0 < segments <= _MOST_SEGMENTS:
        raise ImageError(f"it has {segments} segments")
    checksum, end = _CHECKSUM_SEED, _HEADER.size
    for _ in range(segments):
        if end + _SEGMENT.size > len(data):
            raise ImageError("it is cut off")
        _, length = _SEGMENT.unpack_from(data, end)
        start = end + _SEGMENT.size
        end = start + length
        if end > len(data):
            raise ImageError("it is cut off")
        checksum ^= _xor_of(data[start:end])
    end += 16 - end % 16
    if len(data) < end or data[end - 1] != checksum:
        raise ImageError("its checksum is wrong")
    if has_hash != 1:
        raise ImageError("it has no SHA-256")
    if data[end : end + _SHA256_BYTES] != hashlib.sha256(data[:end]).digest():
        raise ImageError("its SHA-256 is wrong")
    return EspImage(data[: end + _SHA256_BYTES], chip_id)


def _xor_of(data: bytes) -> int:
    """Return all bytes of data combined by exclusive or: as one number, halved again and again."""
    length = 1 << max(len(data) - 1, 0).bit_length()
    value = int.from_bytes(data, "little")
    while length > 1:
        length //= 2
        value = value >> 8 * length ^ value & (1 << 8 * length) - 1
    return value
