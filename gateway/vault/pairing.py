"""Pairing: how a board gets its first owner, and a further one whose keys are all lost.

    closed ── the button, 3 s ──▶ open for 60 s ── an owner is made, or the time is over ──▶ closed

Rules:

1. It goes over the cable, in plain text: who holds the board has it.
2. A board that was never paired is open. One whose keys are damaged or lost is not: other records
   without keys mean that somebody, or a flaw, has removed them, so it takes the button.
3. The new owner's key is provisional: it lives in memory, for 60 s, and becomes durable with the
   first request that it authenticates. A newer one takes its place, under the same kid.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.key import Key

_OPEN_MS = const(60_000)
_PROVISIONAL_MS = const(60_000)


class Pairing:
    """The state above.

    kid: what a provisional key is called, taken with the first of them; b"" while none was made.
    """

    def __init__(self, is_unpaired: bool) -> None:
        self.kid = b""
        self._is_unpaired = is_unpaired
        self._open_until_ms = 0
        self._provisional: Key | None = None
        self._until_ms = 0

    def is_open(self, now_ms: int) -> bool:
        """Tell whether the cable may make a new owner now."""
        return self._is_unpaired or now_ms < self._open_until_ms

    def is_under_way(self, now_ms: int) -> bool:
        """Tell whether somebody has pressed the button for it, or has begun."""
        is_offered = self._provisional is not None and now_ms < self._until_ms
        return now_ms < self._open_until_ms or is_offered

    def open(self, now_ms: int) -> None:
        """Open it for 60 s."""
        self._open_until_ms = now_ms + _OPEN_MS

    def close(self) -> None:
        """Close it: the provisional key has become a durable one."""
        self._is_unpaired = False
        self.kid = b""
        self._open_until_ms = 0
        self._provisional = None

    def offer(self, key: "Key", now_ms: int) -> None:
        """Keep a provisional key in the place of the last one."""
        self.kid = key.kid
        self._provisional = key
        self._until_ms = now_ms + _PROVISIONAL_MS

    def find(self, kid: bytes, now_ms: int) -> "Key | None":
        """Return the provisional key if this is its kid and it still counts."""
        key = self._provisional
        return key if key is not None and key.kid == kid and now_ms < self._until_ms else None

    def is_offered(self, key: "Key") -> bool:
        """Tell whether a key is the provisional one."""
        return key is self._provisional
