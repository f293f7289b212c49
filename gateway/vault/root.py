"""The root: the few secrets without which nothing that is stored can be read.

It lies outside the file system, where an old version of it is erased when a new one is written. So
who destroys the root destroys everything at once, and for good.

Durable form: a CBOR map {0: the format of all records, 1: storage key, 2: ledger key, 3: chain}.
The storage key seals the records; 2 and 3 are absent until something is recorded.
"""

from gateway import cbor
from gateway.const import const
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NAME = "root"

LEDGER_KEY = 2
CHAIN = 3

_FORMAT = const(0)
_STORAGE_KEY = const(1)
_FORMAT_NOW = const(1)
_KEY_BYTES = const(16)


class Root:
    """The entries above; a new root has a storage key that nobody ever had.

    stored: its durable form, None if there is none.

    Raises:
        DecodeError: the durable form is damaged, or of another version of Carport.
    """

    def __init__(self, stored: "bytes | None", random: "Callable[[int], bytes]") -> None:
        if stored is None:
            self._entries: dict[int, Any] = {
                _FORMAT: _FORMAT_NOW,
                _STORAGE_KEY: random(_KEY_BYTES),
            }
        else:
            self._entries = cbor.decode(stored)
            key = self._entries.get(_STORAGE_KEY) if type(self._entries) is dict else None
            if type(key) is not bytes or len(key) != _KEY_BYTES:
                raise DecodeError("the root of the stored data is damaged")
            if self._entries.get(_FORMAT) != _FORMAT_NOW:
                raise DecodeError("the stored data are of another version of Carport")

    def __repr__(self) -> str:
        return "Root([redacted])"

    @property
    def storage_key(self) -> bytes:
        """What seals the records."""
        key: bytes = self._entries[_STORAGE_KEY]
        return key

    def get(self, entry: int) -> "Any":
        """Return LEDGER_KEY or CHAIN, None if it was never set."""
        return self._entries.get(entry)

    def set(self, entry: int, value: "Any") -> None:
        """Replace an entry; `Records.put_root` does that durably."""
        self._entries[entry] = value

    def encode(self) -> bytes:
        """Return the durable form."""
        return cbor.encode(self._entries)
