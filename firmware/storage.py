"""Where records are kept: the root in the key partition, all others in files.

    <folder>/records/<name>     what is read at boot
    <folder>/blocks/<name>      records named "block-...", which are read when asked for
    <folder>/crash              what firmware/crash_log.py keeps; it is not sealed

littlefs commits a file when it is closed, in one step: a cut of the power leaves the old content
or the new one. A new file alone is committed in two: a cut between them leaves it empty. No record
is ever empty, so an empty file counts as none.
"""

import errno
import os

from gateway.vault.records import BLOCK_PREFIX, WIPE, piece_sizes
from gateway.vault.root import NAME as ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.key_partition import KeyPartition
    from gateway.vault.records import Data

_UNREADABLE = b"?"  # opens under no key, so the record counts as damaged


class Storage:
    """The records below `folder`, and the root.

    A name is a file's name: letters, digits, `.`, `_` and `-`.

    Raises:
        OSError: the folders can neither be made nor read.
    """

    def __init__(self, folder: str, keys: "KeyPartition") -> None:
        self._records = _made(folder + "/records")
        self._blocks = _made(folder + "/blocks")
        self._crash = folder + "/crash"
        self._keys = keys

    def load(self) -> "dict[str, bytes]":
        """Return every record but the blocks; end a wipe that was interrupted.

        Raises:
            OSError: the flash is broken.
        """
        root = self._keys.load()
        if root == b"":
            self._finish_wipe()
            root = None
        records = {} if root is None else {ROOT: root}
        for name in os.listdir(self._records):
            try:
                data = _read(self._records + "/" + name)
            except OSError:
                data = _UNREADABLE
            if data:
                records[name] = data
        return records

    def read_block(self, name: str) -> "list[bytearray] | None":
        """Return a block in pieces of `piece_sizes`, None if there is none of this name."""
        path = self._path(name)
        try:
            pieces = [bytearray(size) for size in piece_sizes(os.stat(path)[6])]
            with open(path, "rb") as file:
                for piece in pieces:
                    file.readinto(piece)
        except OSError:
            return None
        return pieces or None

    def save(self, name: str, data: "Data | None") -> None:
        """Replace a record, or delete it if data is None; it is durable on return.

        Raises:
            OSError: the flash is full or broken: the record is as it was.
        """
        if name == WIPE:
            self.wipe()
        elif data is None:
            _remove(self._path(name))
        elif not data:
            raise ValueError("an empty record")
        elif name == ROOT:
            assert not isinstance(data, list)
            self._keys.save(data)
        else:
            with open(self._path(name), "wb") as file:
                for piece in data if isinstance(data, list) else (data,):
                    file.write(piece)

    def read_crash(self) -> "bytes | None":
        """Return what `write_crash` wrote, None if it never did."""
        try:
            return _read(self._crash)
        except OSError:
            return None

    def write_crash(self, data: bytes) -> None:
        """Replace what is kept of the last crash.

        Raises:
            OSError: the flash is full or broken.
        """
        with open(self._crash, "wb") as file:
            file.write(data)

    def wipe(self) -> None:
        """Destroy the root, and then remove everything else.

        Raises:
            OSError: the flash is broken; what is left is removed at the next start.
        """
        self._keys.save(b"")
        self._finish_wipe()

    def _finish_wipe(self) -> None:
        for folder in (self._blocks, self._records):
            for name in os.listdir(folder):
                os.remove(folder + "/" + name)
        _remove(self._crash)
        self._keys.erase()

    def _path(self, name: str) -> str:
        folder = self._blocks if name.startswith(BLOCK_PREFIX) else self._records
        return folder + "/" + name


def _made(folder: str) -> str:
    """Return the folder, which is made if it does not exist."""
    try:
        os.mkdir(folder)
    except OSError:
        os.listdir(folder)  # it exists; else this says what is wrong
    return folder


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise error


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        data: bytes = file.read()
    return data
