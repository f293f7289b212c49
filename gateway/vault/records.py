"""Records: named bytes that the shell keeps durable.

A change gets the next number and waits in `take()` for the shell, which makes the changes durable
in their order and then calls `acknowledge` with the last one's number. Whoever depends on a change
remembers its number and waits until `acknowledged` has reached it.

    record = payload | CRC-32 of the payload (4 bytes, big-endian)

The checksum tells a damaged record from a whole one; it keeps nobody out. Whoever holds the flash
holds its content.
"""

from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    Save = tuple[int, str, bytes | None]

_CRC_BYTES = 4


class Records:
    """Every record, by name; `loaded` is what storage held at boot."""

    def __init__(self, loaded: "dict[str, bytes]") -> None:
        self.acknowledged = 0
        self.damaged = 0
        self._numbered = 0
        self._payloads: dict[str, bytes] = {}
        self._saves: list[Save] = []
        for name in loaded:
            record = loaded[name]
            payload = record[:-_CRC_BYTES]
            if len(record) >= _CRC_BYTES and record == _sealed(payload):
                self._payloads[name] = payload
            else:
                self.damaged += 1

    def names(self, prefix: str) -> "list[str]":
        """Return the names that begin with `prefix`."""
        return [name for name in self._payloads if name.startswith(prefix)]

    def get(self, name: str) -> "bytes | None":
        """Return a record's payload, as it will be once all changes are durable."""
        return self._payloads.get(name)

    def put(self, name: str, payload: bytes) -> int:
        """Replace a record as a whole; return the change's number."""
        self._payloads[name] = payload
        return self._change(name, _sealed(payload))

    def delete(self, name: str) -> int:
        """Remove a record; return the change's number."""
        self._payloads.pop(name, None)
        return self._change(name, None)

    def take(self) -> "list[Save]":
        """Return the changes to make durable, in this order, and forget them; None deletes."""
        saves = self._saves
        if saves:
            self._saves = []
        return saves

    def acknowledge(self, number: int) -> None:
        """Take note that all changes up to `number` are durable."""
        self.acknowledged = max(self.acknowledged, number)

    def _change(self, name: str, record: "bytes | None") -> int:
        self._numbered += 1
        self._saves.append((self._numbered, name, record))
        return self._numbered


def _sealed(payload: bytes) -> bytes:
    """Return the payload with its checksum behind it."""
    return payload + (crc32(payload) & 0xFFFFFFFF).to_bytes(_CRC_BYTES, "big")
