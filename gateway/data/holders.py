"""Who holds keys of a chain, and who has still to destroy theirs after an erasure.

A board cannot reach into a host: data are erased everywhere once each principal who ever fetched a
key of the chain has said that it holds none any more. Until then the erasure is incomplete, and
this names for whom.

Durable form: record "holders" = [[name, ...], [[chain, step or None, [name, ...]], ...]]: the
holders of the present chain, and the erasures that are incomplete. step: keys below it are to be
destroyed; None: all of the chain.
"""

from gateway import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.records import Records

_RECORD = "holders"


class Holders:
    """The names above."""

    def __init__(self, records: "Records") -> None:
        self._records = records
        self.names: list[str] = []
        self._erasures: list[list[Any]] = []
        stored = records.get(_RECORD)
        if stored is not None:
            self.names, self._erasures = cbor.decode(stored)

    def add(self, name: str) -> int:
        """Take note that somebody fetches a key; return the change's number."""
        if name not in self.names:
            self.names.append(name)
        return self._store()

    def erase(self, chain: bytes, step: "int | None") -> int:
        """Wait for every holder to destroy its keys; return the change's number.

        A later erasure of the same chain takes the place of an earlier one.
        """
        if self.names:
            self._erasures = [row for row in self._erasures if row[0] != chain]
            self._erasures.append([chain, step, list(self.names)])
        if step is None:
            self.names = []
        return self._store()

    def confirm(self, name: str, chain: bytes, step: "int | None") -> "int | None":
        """Take note that a holder has destroyed its keys below step; None: all of the chain.

        Returns:
            The change's number, None if nobody waits for this.
        """
        for row in self._erasures:
            is_enough = step is None or (row[1] is not None and step >= row[1])
            if row[0] == chain and name in row[2] and is_enough:
                row[2].remove(name)
                self._erasures = [left for left in self._erasures if left[2]]
                return self._store()
        return None

    def describe(self) -> "list[dict[str, Any]]":
        """Return what `carport.cddl` calls erasure, for each that is incomplete."""
        described = []
        for chain, step, names in self._erasures:
            erasure: dict[str, Any] = {"chain": chain, "waiting": names}
            if step is not None:
                erasure["step"] = step
            described.append(erasure)
        return described

    def _store(self) -> int:
        return self._records.put(_RECORD, cbor.encode([self.names, self._erasures]))
