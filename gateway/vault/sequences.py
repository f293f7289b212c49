"""The board's sequence numbers of every kid: what of them storage holds.

A kid has a record "sequence-<kid>" as long as it has a key: the limit below which numbers may be
used (`gateway.oscore.sender_sequence` has the rules). A key without one is never used again.
"""

from binascii import hexlify

from gateway import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.key import Key
    from gateway.vault.records import Records


class Sequences:
    """The limits, and those that are on their way to storage."""

    def __init__(self, records: "Records") -> None:
        self._records = records
        self._reservations: list[tuple[int, Key, int]] = []

    def begin(self, kid: bytes) -> None:
        """Give a new kid its record."""
        self._records.put(_name(kid), cbor.encode(0))

    def end(self, kid: bytes) -> int:
        """Remove the record of a kid that is gone; return the change's number."""
        return self._records.delete(_name(kid))

    def limit(self, kid: bytes) -> "int | None":
        """Return the limit of a kid, None if it has no record."""
        stored = self._records.get(_name(kid))
        limit: int | None = None if stored is None else cbor.decode(stored)
        return limit

    def reserve(self, key: "Key") -> int:
        """Ask for more numbers if few are left.

        Returns:
            The number of the change that brings them, 0 if enough are left or the key is revoked.
        """
        assert key.oscore is not None
        limit = key.oscore.sender_sequence.reservation
        if limit is None or self._records.get(_name(key.kid)) is None:
            return 0
        for number, reserving, _ in self._reservations:
            if reserving.kid == key.kid:
                return number
        number = self._records.put(_name(key.kid), cbor.encode(limit))
        self._reservations.append((number, key, limit))
        return number

    def saved(self) -> None:
        """Hand out the numbers whose reservation has become durable."""
        acknowledged = self._records.acknowledged
        while self._reservations and self._reservations[0][0] <= acknowledged:
            _, key, limit = self._reservations.pop(0)
            assert key.oscore is not None
            key.oscore.sender_sequence.reserved(limit)


def _name(kid: bytes) -> str:
    return "sequence-" + hexlify(kid).decode()
