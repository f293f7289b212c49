"""Who reads the records, for the ledger: each session of reading once at its begin and once at its
end, each row of refusals likewise.

A reader's first block leaves when the entry about it is durable. A session ends after a minute
without a read; refusals are counted for ten minutes before they are told again, so that nobody
can fill the ledger, or wear out the flash, by asking.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.data.ledger import Ledger

_SESSION_MS = const(60_000)
_REFUSALS_MS = const(600_000)
_MOST = const(8)


class Session:
    """What one principal has read, or been refused, since `began_ms`."""

    def __init__(self, kind: str, by: str, number: int, now_ms: int) -> None:
        self.kind = kind
        self.by = by
        self.first = self.last = number
        self.count = 1
        self.began_ms = self.read_ms = now_ms
        self.change = 0

    @property
    def due_ms(self) -> int:
        """When it ends, if nothing more comes."""
        if self.kind == "export":
            return self.read_ms + _SESSION_MS
        return self.began_ms + _REFUSALS_MS


class Exports:
    """The sessions under way, at most 8: then the oldest ends."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger
        self._sessions: list[Session] = []

    def note(self, by: str, number: int, now_ms: int) -> int:
        """Take note of a block that somebody reads; return the change that must be durable."""
        return self._note("export", by, number, now_ms, {"from": number})

    def deny(self, by: str, reason: str, number: int, now_ms: int) -> int:
        """Take note of a refusal; return the change's number."""
        return self._note("denied", by, number, now_ms, {"from": number, "reason": reason})

    def handle_timer(self, now_ms: int) -> None:
        """End the sessions that are over."""
        for session in [one for one in self._sessions if now_ms >= one.due_ms]:
            self._end(session, now_ms)

    def next_timeout(self) -> "int | None":
        """Return when the next session ends."""
        return min([session.due_ms for session in self._sessions]) if self._sessions else None

    def _note(
        self, kind: str, by: str, number: int, now_ms: int, detail: "dict[str, object]"
    ) -> int:
        for session in self._sessions:
            if session.by == by and session.kind == kind:
                session.count += 1
                session.first = min(session.first, number)
                session.last = max(session.last, number)
                session.read_ms = now_ms
                return session.change
        if len(self._sessions) >= _MOST:
            self._end(self._sessions[0], now_ms)
        session = Session(kind, by, number, now_ms)
        session.change = self._ledger.add(kind, by, detail, now_ms)
        self._sessions.append(session)
        return session.change

    def _end(self, session: Session, now_ms: int) -> None:
        self._sessions.remove(session)
        if session.kind == "export" or session.count > 1:
            said = {"first": session.first, "last": session.last, "times": session.count}
            self._ledger.add_later(session.kind, session.by, said, now_ms)
