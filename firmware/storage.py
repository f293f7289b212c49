"""Records on a file system: a small file each, in a folder of their own.

littlefs commits a file when it is closed, in one step: a cut of the power leaves the old content
or the new one. A new file alone is committed in two: a cut between them leaves it empty. No record
is ever empty, so an empty file counts as none.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    Record = tuple[int, str, bytes | None]


class Storage:
    """The records in `folder`, which is made if it does not exist.

    A name is a file's name: letters, digits, `.`, `_` and `-`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        try:
            os.mkdir(folder)
        except OSError:
            os.listdir(folder)  # it exists; else this says what is wrong

    def load(self) -> "dict[str, bytes]":
        """Return every record."""
        records = {}
        for name in os.listdir(self._folder):
            with open(self._path(name), "rb") as file:
                data: bytes = file.read()
            if data:
                records[name] = data
        return records

    def save(self, name: str, data: "bytes | None") -> None:
        """Replace a record, or delete it if data is None; it is durable on return.

        Raises:
            OSError: the flash is full or broken: the record is as it was.
        """
        if data is None:
            try:
                os.remove(self._path(name))
            except OSError as error:
                if name in os.listdir(self._folder):
                    raise error
            return
        if not data:
            raise ValueError("an empty record")
        with open(self._path(name), "wb") as file:
            file.write(data)

    def _path(self, name: str) -> str:
        return self._folder + "/" + name
