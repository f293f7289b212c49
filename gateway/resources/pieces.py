"""Large answers, made in blocks as the endpoint sends them: a full heap has room for those."""

from gateway import cbor
from gateway.request import MAX_BLOCK_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Pieces:
    """An answer in CBOR that is being made."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._buffer = bytearray()

    def head(self, major: int, n: int) -> None:
        """Append the head of an array or a map, whose items or sorted pairs follow."""
        cbor.append_head(self._buffer, major, n)

    def item(self, value: object) -> None:
        """Append a whole item."""
        cbor.append_item(self._buffer, value)
        self._cut()

    def encoded(self, item: bytes) -> None:
        """Append an item that is encoded already."""
        self._buffer.extend(item)
        self._cut()

    def finish(self) -> "Any":
        """Return the payload: bytes if it fits a block, else a list of blocks."""
        last = bytes(self._buffer)
        return self._pieces + [last] if self._pieces else last

    def _cut(self) -> None:
        while len(self._buffer) > MAX_BLOCK_BYTES:
            self._pieces.append(bytes(self._buffer[:MAX_BLOCK_BYTES]))
            self._buffer = self._buffer[MAX_BLOCK_BYTES:]
