"""Wall time: what an owner's tool has told, carried on by the board's monotonic clock.

    unknown ── an owner tells the time ──▶ known, until the board restarts

Rules:

1. A board has no clock that outlives a restart. It keeps the time now and then, so that it knows
   after a restart what the time is at least: that, and how long it has run since. One that was
   asleep may know better (`at_least_s`), and still does not know the time.
2. The first time that it is told after a restart must not lie before that.
3. Once the time is known, the LAN may move it by 5 minutes within 24 hours, all corrections taken
   together. Two seconds more or less are no correction: the time stays.
4. Over the cable it may be set to anything: somebody stands at the board.

Durable form: record "time", in unix seconds, written when rule 2 or 4 has set it and once a day.
"""

from gateway import cbor
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.records import Records

EARLIEST_S = 1767225600  # 2026-01-01: no Carport is older

_RECORD = "time"
_DAY_MS = const(86_400_000)
_CORRECTED_S = const(300)
_ROUNDING_S = const(2)


class WallClock:
    """The state above; times are unix seconds, `now_ms` is the board's monotonic clock.

    change: the number of the record change that must be durable before a new time is confirmed.
    """

    def __init__(self, records: "Records", now_ms: int, at_least_s: int = 0) -> None:
        stored = records.get(_RECORD)
        self.change = 0
        self._records = records
        self._is_known = False
        self._at_s: int = EARLIEST_S if stored is None else cbor.decode(stored)
        self._at_s = max(self._at_s, at_least_s)
        self._at_ms = now_ms
        self._stored_ms = now_ms
        self._corrected_s = 0
        self._corrected_since_ms = now_ms

    def unix_s(self, now_ms: int) -> "int | None":
        """Return the time at a moment of this boot, also a past one; None if it is unknown."""
        return self.at_least_s(now_ms) if self._is_known else None

    def at_least_s(self, now_ms: int) -> int:
        """Return what the time is at least: for an expiry, which may then come late."""
        return self._at_s + (now_ms - self._at_ms) // 1000

    def tell(self, unix_s: int, now_ms: int, on_cable: bool) -> str:
        """Take the time from an owner's tool.

        Returns:
            Why it cannot be; "" if it is taken.
        """
        correction_s = unix_s - self.at_least_s(now_ms)
        if self._is_known and -_ROUNDING_S <= correction_s <= _ROUNDING_S:
            return ""
        if not self._is_known or on_cable:
            if correction_s < 0 and not on_cable:
                return "this lies before the last time known: set it over the cable"
            self._set(unix_s, now_ms)
            self._corrected_s = 0
            self._corrected_since_ms = now_ms
            self._is_known = True
            self.store(now_ms)
            return ""
        if now_ms - self._corrected_since_ms >= _DAY_MS:
            self._corrected_s = 0
            self._corrected_since_ms = now_ms
        if self._corrected_s + abs(correction_s) > _CORRECTED_S:
            return "more than 5 minutes of correction in a day: set the time over the cable"
        self._corrected_s += abs(correction_s)
        self._set(unix_s, now_ms)
        return ""

    def next_timeout(self) -> "int | None":
        """Return when the time is to be kept, None while it is unknown."""
        return self._stored_ms + _DAY_MS if self._is_known else None

    def store(self, now_ms: int) -> None:
        """Keep the time, which must be known."""
        self._stored_ms = now_ms
        self.change = self._records.put(_RECORD, cbor.encode(self.at_least_s(now_ms)))

    def _set(self, unix_s: int, now_ms: int) -> None:
        self._at_s = unix_s
        self._at_ms = now_ms
