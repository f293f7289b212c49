"""The OSCORE contexts that we share with one gateway, one for each process that talks to it.

    contexts/SENDER-ID/settings.json    the keys, in the form that aiocoap reads
    contexts/SENDER-ID/sequence.json    aiocoap's: the next sender sequence number
    contexts/SENDER-ID/lock             aiocoap's, while it has the context open
    contexts/SENDER-ID/claim            locked by the process whose context it is
    contexts/SENDER-ID/next_id          the next command id
    contexts/claim, contexts/enrol      locked while a context is chosen, or one more is enrolled

A context belongs to the process that holds its claim; the system frees it when that process ends,
however it ends. A command id is durable before it is used, so that none is ever used twice.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from carport.client.private_files import make_private_folder, put_folder, write_private
from carport.errors import CarportError

MAX_CONTEXTS = 8


class Context:
    """One context, ours until release()."""

    def __init__(self, folder: Path, claim: FileLock) -> None:
        self.folder = folder
        self._claim = claim
        self._keys: Any = None

    def open(self) -> Any:
        """Return the context as aiocoap uses it."""
        from aiocoap.oscore import (
            FilesystemSecurityContext,
        )  # slow, and completion needs names only

        self._keys = FilesystemSecurityContext(str(self.folder))
        return self._keys

    def take_command_id(self) -> int:
        """Return a command id that was never returned before, across crashes too."""
        path = self.folder / "next_id"
        try:
            number = int(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            number = 1
        except ValueError as error:
            raise CarportError(f"{path} is damaged: run `carport pair --replace`") from error
        write_private(path, str(number + 1))
        return number

    def release(self) -> None:
        """Write the context's state, and let another process have it."""
        if self._keys is not None:
            # Else it is written when Python collects it: the context may be another's by then.
            self._keys._destroy()
            self._keys = None
        self._claim.release()


class ContextPool:
    """The contexts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def claim(self) -> Context | None:
        """Return a context that nobody uses, or None if there is none at present."""
        with _lock(self.folder / "claim"):
            for folder in self._folders():
                context = _claim(folder)
                if context is not None:
                    return context
        return None

    def wants_another(self) -> bool:
        """Tell whether all contexts are in use, and there may be more."""
        with _lock(self.folder / "claim"):
            folders = self._folders()
            return len(folders) < MAX_CONTEXTS and not any(map(_is_free, folders))

    def is_idle(self) -> bool:
        """Tell whether nobody uses any of the contexts."""
        with _lock(self.folder / "claim"):
            return all(map(_is_free, self._folders()))

    def enrolment(self) -> FileLock:
        """Return the lock to hold while one more context is enrolled."""
        return _lock(self.folder / "enrol", blocking=False)

    def add(self, sender_id: bytes, recipient_id: bytes, secret: bytes) -> None:
        """Write one more context."""
        with tempfile.TemporaryDirectory(
            dir=self.folder, prefix=".new-", ignore_cleanup_errors=True
        ) as scratch:
            folder = Path(scratch, "context")
            write_context(folder, sender_id, recipient_id, secret)
            put_folder(folder, self.folder / sender_id.hex())

    def keep_only(self, context: Context) -> None:
        """Forget all contexts but this one."""
        with _lock(self.folder / "claim"):
            for folder in self._folders():
                if folder != context.folder:
                    shutil.rmtree(folder)

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob("[!.]*/settings.json"))


def write_context(folder: Path, sender_id: bytes, recipient_id: bytes, secret: bytes) -> None:
    """Write a context into folder as aiocoap's FilesystemSecurityContext reads it."""
    make_private_folder(folder)
    settings = {
        "sender-id_hex": sender_id.hex(),
        "recipient-id_hex": recipient_id.hex(),
        "secret_hex": secret.hex(),
        "salt_hex": "",
    }
    write_private(folder / "settings.json", json.dumps(settings, indent=1) + "\n")


def _claim(folder: Path) -> Context | None:
    lock = _lock(folder / "claim", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return Context(folder, lock)


def _is_free(folder: Path) -> bool:
    context = _claim(folder)
    if context is None:
        return False
    context.release()
    return True


def _lock(path: Path, blocking: bool = True) -> FileLock:
    return FileLock(path, mode=0o600, blocking=blocking)
