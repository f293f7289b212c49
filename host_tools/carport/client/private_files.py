"""Files and folders for their owner alone, written so that a crash leaves the old or the new."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from carport.errors import CarportError, UsageError


def write_private(path: Path, text: str) -> None:
    """Make text the content of the file at path, mode 0600, durable on return.

    Raises:
        OSError: it cannot be written; the old content is then untouched.
    """
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
    _sync_folder(path.parent)


@contextmanager
def new_private(path: Path) -> Iterator[Callable[[str], None]]:
    """Give a function that writes a new file, mode 0600, durably.

    The file is there at once, so that nothing is begun that could not be kept; it vanishes if the
    context fails.

    Raises:
        UsageError: there is something at path, or it cannot be made.
        CarportError: by the function, it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already: give another name") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be made ({error.strerror}): give another name") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:

            def write(text: str) -> None:
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError as error:
                    raise CarportError(
                        f"{path} cannot be written ({error.strerror}): make room, or write "
                        "elsewhere"
                    ) from error

            yield write
    except BaseException:
        path.unlink()
        raise
    _sync_folder(path.parent)


def make_private_folder(path: Path) -> None:
    """Make the folder at path, and those above it that are missing, mode 0700."""
    if not path.parent.exists():
        make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def put_folder(scratch: Path, path: Path, replace: bool = False) -> None:
    """Rename the folder scratch to path, in place of what is there if replace is given.

    Raises:
        FileExistsError: there is something at path.
        OSError: it cannot be renamed.
    """
    if replace and path.exists():
        old = Path(tempfile.mkdtemp(dir=path.parent, prefix=".old-"))
        path.rename(old / path.name)
        scratch.rename(path)
        shutil.rmtree(old)
    elif path.exists():
        raise FileExistsError(f"{path} exists")
    else:
        scratch.rename(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    if os.name == "posix":  # Windows cannot open a folder
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
