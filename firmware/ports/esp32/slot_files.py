"""The files in a slot's package, for a MicroPython that has no ROMFS of its own: read-only.

The image is read where it lies; in RAM is only where each file begins. See
host_tools/carport/install/romfs.py for the layout. What is imported is copied into the heap, as
from any file.
"""

import errno
import io

from firmware.slots import BLOCK_BYTES
from firmware.two_sectors import check
from gateway.const import const
from gateway.package import HEAD_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from firmware.two_sectors import BlockDevice

_DATA = const(2)
_DIRECTORY = const(4)
_FILE = const(5)
_MAGIC_BYTES = const(3)
_MAGIC = b"\xd2\xcd\x31"
_NUMBER_BYTES = const(5)
_MAX_NAME = const(64)
_IS_DIRECTORY = const(0x4000)  # of what os.stat calls the mode
_IS_FILE = const(0x8000)
_CODE = ("gateway", "firmware")
_CLOSE = const(4)  # MP_STREAM_CLOSE
_GET_BUFFER_SIZE = const(11)  # MP_STREAM_GET_BUFFER_SIZE
_IMPORT_BYTES = const(255)  # the most that an import reads at once; 25 if nobody says a size


class SlotFiles:
    """A file system for `vfs.mount`.

    without_code: the packages of modules are left out, since they are frozen.

    Raises:
        OSError: there is no image in the slot, or it says what cannot be.
    """

    def __init__(self, device: "BlockDevice", without_code: bool = False) -> None:
        self._device = device
        self._begin: dict[str, tuple[int, int]] = {}  # of what is in each file, and its size
        self._folders = {""}
        if bytes(self.read(HEAD_BYTES, _MAGIC_BYTES)) != _MAGIC:
            raise OSError(errno.EINVAL)
        size, at = self._number(HEAD_BYTES + _MAGIC_BYTES)
        self._list("", at, at + size, _CODE if without_code else ())

    def mount(self, readonly: bool, mkfs: bool) -> None:
        """Do nothing: all is known."""

    def umount(self) -> None:
        """Do nothing."""

    def chdir(self, path: str) -> None:
        """Refuse: there is no current folder here."""
        raise OSError(errno.EPERM)

    def stat(self, path: str) -> "tuple[int, ...]":
        """Return what os.stat tells."""
        path = path.strip("/")
        if path in self._folders:
            return (_IS_DIRECTORY, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return (_IS_FILE, 0, 0, 0, 0, 0, self._find(path)[1], 0, 0, 0)

    def open(self, path: str, mode: str) -> "SlotFile":
        """Open a file for reading."""
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(errno.EACCES)
        at, size = self._find(path.strip("/"))
        return SlotFile(self, at, size)

    def ilistdir(self, path: str) -> "Iterator[tuple[Any, ...]]":
        """Yield what is in a folder."""
        folder = path.strip("/")
        if folder not in self._folders:
            raise OSError(errno.ENOENT)
        begin = folder + "/" if folder else ""
        for name in self._folders:
            if name and name.startswith(begin) and "/" not in name[len(begin) :]:
                yield (name[len(begin) :], _IS_DIRECTORY, 0, 0)
        for name in self._begin:
            if name.startswith(begin) and "/" not in name[len(begin) :]:
                yield (name[len(begin) :], _IS_FILE, 0, self._begin[name][1])

    def read(self, at: int, size: int) -> bytearray:
        """Return so many bytes of the slot.

        Raises:
            OSError: the flash is broken.
        """
        data = bytearray(size)
        self.read_into(at, memoryview(data))
        return data

    def read_into(self, at: int, data: memoryview) -> None:
        """Fill data from the slot.

        Raises:
            OSError: the flash is broken.
        """
        done = 0
        while done < len(data):
            block, offset = divmod(at + done, BLOCK_BYTES)
            piece = data[done : done + BLOCK_BYTES - offset]
            check(self._device.readblocks(block, piece, offset))  # type: ignore[arg-type]
            done += len(piece)

    def _find(self, path: str) -> "tuple[int, int]":
        if path not in self._begin:
            raise OSError(errno.ENOENT)
        return self._begin[path]

    def _list(self, folder: str, at: int, end: int, without: "tuple[str, ...]") -> None:
        """Take note of the records from `at` to `end`: what is in a folder."""
        while at < end:
            kind, at = self._number(at)
            size, at = self._number(at)
            after = at + size
            if after > end:
                raise OSError(errno.EINVAL)
            if kind in (_DIRECTORY, _FILE):
                length, at = self._number(at)
                if not 0 < length <= _MAX_NAME:
                    raise OSError(errno.EINVAL)
                name = folder + str(self.read(at, length), "utf-8")
                at += length
                if kind == _FILE:
                    kind, at = self._number(at)
                    length, at = self._number(at)
                    if kind != _DATA or at + length > after:
                        raise OSError(errno.EINVAL)
                    self._begin[name] = (at, length)
                elif name not in without:
                    self._folders.add(name)
                    self._list(name + "/", at, after, without)
            at = after

    def _number(self, at: int) -> "tuple[int, int]":
        """Return a number, and where it ends."""
        value = 0
        for byte in self.read(at, _NUMBER_BYTES):
            at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at
        raise OSError(errno.EINVAL)


class SlotFile(io.IOBase):
    """A file that is open for reading."""

    def __init__(self, files: SlotFiles, at: int, size: int) -> None:
        self._files = files
        self._at = at
        self._left = size

    def readinto(self, buffer: "Any") -> int:
        """Fill the buffer, as far as there is something left; return how far."""
        size = min(len(buffer), self._left)
        self._files.read_into(self._at, memoryview(buffer)[:size])
        self._at += size
        self._left -= size
        return size

    def ioctl(self, request: int, argument: int) -> int:
        """Close it, for which nothing is to be done, or say how much to read at once."""
        if request == _GET_BUFFER_SIZE:
            return _IMPORT_BYTES
        return 0 if request == _CLOSE else -errno.EINVAL

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all that are left."""
        data = bytearray(self._left if size < 0 else min(size, self._left))
        self.readinto(data)
        return bytes(data)

    def __enter__(self) -> "SlotFile":
        return self

    def __exit__(self, *error: object) -> None:
        """Close it: nothing is to be done."""
