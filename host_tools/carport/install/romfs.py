"""A ROMFS image: files that MicroPython reads, and code that it runs, where they lie.

    image = D2 CD 31, length, records; an even number of bytes
    record = kind, length, payload; kinds: 2 data, 4 a directory, 5 a file
    directory = length of the name, name, records         file = the same, with one record of data

Kinds and lengths are big-endian in bytes of 7 bits, all but the last with the highest bit set.

Source: MicroPython's documentation, "ROMFS".
"""

from collections.abc import Mapping
from typing import Any

_HEADER = b"\xd2\xcd\x31"
_DATA, _DIRECTORY, _FILE = 2, 4, 5


def rom_image(files: Mapping[str, bytes]) -> bytes:
    """Return the image of files by their paths, as "gateway/core.mpy"."""
    tree: dict[str, Any] = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        folder = tree
        for each in folders:
            folder = folder.setdefault(each, {})
        folder[name] = content
    records = _records(tree)
    length = _number(len(records))
    if (len(_HEADER) + len(length) + len(records)) % 2:
        length = b"\x80" + length
    return _HEADER + length + records


def _records(tree: Mapping[str, Any]) -> bytes:
    return b"".join(_entry(name, tree[name]) for name in sorted(tree))


def _entry(name: str, content: bytes | Mapping[str, Any]) -> bytes:
    begin = _number(len(name.encode())) + name.encode()
    if isinstance(content, bytes):
        return _record(_FILE, begin + _record(_DATA, content))
    return _record(_DIRECTORY, begin + _records(content))


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    encoded = bytes((value & 0x7F,))
    while value := value >> 7:
        encoded = bytes((0x80 | value & 0x7F,)) + encoded
    return encoded
