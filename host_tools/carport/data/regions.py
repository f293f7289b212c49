"""Which regions' blocks this host may export from its archive.

The board gives a key of one region no block of another, unless its owner has allowed transfers to
that region until a date. What this host has by then stays in its archive; the same rule is applied
to it here, with what the board said last. It binds who uses this program: the file itself is the
owner's.
"""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carport.client.consent import Transfer
    from carport.data.archive import Archive

_NOTE = "regions"


class Regions:
    """own: the region that our key counts for, None before the board was ever asked."""

    def __init__(self, archive: "Archive") -> None:
        self._archive = archive
        self.own: str | None = None
        self._transfers_until: int | None = None
        noted = archive.note(_NOTE)
        if noted is not None:
            self.own, self._transfers_until = json.loads(noted)

    def learn(
        self, key_region: str | None, declared: str | None, transfers: "dict[str, Transfer]"
    ) -> None:
        """Note what the board says: the key's region, else the one that was declared first."""
        self.own = key_region or self.own or declared
        transfer = transfers.get(self.own or "")
        self._transfers_until = None if transfer is None else transfer.until
        self._archive.write_note(_NOTE, json.dumps([self.own, self._transfers_until]))

    def allowed(self, now_s: float) -> set[str]:
        """Return those regions in the archive whose blocks may be exported now."""
        is_open = self._transfers_until is not None and now_s < self._transfers_until
        return {region for region in self._archive.regions() if is_open or region == self.own}

    def refused(self, now_s: float) -> dict[str, int]:
        """Return how many blocks of which other regions are in the archive."""
        allowed = self.allowed(now_s)
        return {
            region: blocks
            for region, blocks in self._archive.regions().items()
            if region not in allowed
        }
