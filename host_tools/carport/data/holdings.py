"""What this host holds of one gateway's data: the keys and the archive, in a folder of their own.

    data/NAME/keys.json      see keychain.py
    data/NAME/archive.db     see archive.py

They are not in the folder of the gateway's contexts: to pair anew must not lose what was recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from carport.client.private_files import make_private_folder, put_folder
from carport.data.archive import Archive
from carport.data.keychain import Keychain
from carport.data.regions import Regions
from carport.errors import CarportError
from carport.paths import data_dir

_LOCK_S = 10.0


@dataclass(frozen=True)
class Holdings:
    """Keys, archive, and the regions whose blocks may be exported from it."""

    folder: Path
    keys: Keychain
    archive: Archive
    regions: Regions


def is_holding(name: str) -> bool:
    """Tell whether this host has keys or samples of a gateway."""
    folder = data_dir() / name
    return (folder / "keys.json").exists() or (folder / "archive.db").exists()


@contextmanager
def open_holdings(name: str) -> Iterator[Holdings]:
    """Open what this host holds of a gateway; no other process has it open meanwhile.

    Raises:
        CarportError: another process keeps it, or a file is damaged.
    """
    folder = data_dir() / name
    make_private_folder(folder)
    lock = FileLock(folder / "lock", mode=0o600, timeout=_LOCK_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise CarportError(
            f"another `carport data` works with the data of {name}: try again when it has ended"
        ) from error
    try:
        with Archive(folder / "archive.db") as archive:
            keys = Keychain(folder / "keys.json")
            yield Holdings(folder, keys, archive, Regions(archive))
    finally:
        lock.release()


def rename_holdings(name: str, new_name: str) -> None:
    """Let what this host holds of a gateway go with its new name, which nothing has yet."""
    if (data_dir() / name).exists():
        put_folder(data_dir() / name, data_dir() / new_name)


def remove_holdings(name: str) -> None:
    """Remove the files of a gateway, after what was in them has been erased."""
    folder = data_dir() / name
    for file in ("keys.json", "archive.db", "lock"):
        (folder / file).unlink(missing_ok=True)
    if folder.exists():
        folder.rmdir()
