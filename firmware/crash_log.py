"""What ended the last run that did not end well, and how often that happens.

Durable form: the map that `carport.cddl` calls crash, at most 480 bytes of CBOR. It is written
when the firmware ends itself, or at the start after somebody else did: the watchdog, or the chip.
So it is written once for each start at most, and what strangers send can wear out no flash: after
three early crashes the board is in safe mode, which does not hear them.

    early       how many crashes in a row came before the board had run well for a minute
    safe mode   from the third of them on. A minute without a crash ends the row, so the next start
                is an ordinary one; after an hour in safe mode the board starts again by itself.
"""

from gateway import cbor
from gateway.const import const
from gateway.core import VERSION
from gateway.errors import GatewayError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.storage import Storage

WELL_MS = const(60_000)
_EARLY_CRASHES = const(3)
_MAX_BYTES = const(480)
_MAX_REASON = const(120)
_TRACE_HEAD_BYTES = const(9)  # the key "trace" and its value's length
_LEAST_TRACE = const(100)


class CrashLog:
    """Keeps nothing until it is opened.

    Attributes:
        last: the map, None if the board has not crashed since it was wiped.
    """

    def __init__(self) -> None:
        self._storage: Storage | None = None
        self.last: dict[str, Any] | None = None

    @property
    def is_safe_mode(self) -> bool:
        """Whether the board has crashed early again and again."""
        return self._number("early") >= _EARLY_CRASHES

    @property
    def count(self) -> int:
        """How many crashes there have been."""
        return self._number("count")

    def open(self, storage: "Storage", ended_by: str) -> None:
        """Read what is stored; ended_by: who ended the last run, "" if it was nobody's fault."""
        self._storage = storage
        stored = storage.read_crash()
        if stored is not None:
            try:
                self.last = cbor.decode(stored)
            except GatewayError:
                self.last = None
            if type(self.last) is not dict:
                self.last = None
        if ended_by:
            self._keep({"reason": ended_by}, True)

    def note(self, reason: str, trace: str, uptime_ms: int, counters: "dict[str, int]") -> None:
        """Keep that this run has crashed; the trace's end is kept, as far as there is room."""
        if len(reason.encode()) > _MAX_REASON:
            reason = reason[: _MAX_REASON // 4]  # a character has 4 bytes at most
        self._keep(
            {
                "reason": reason,
                "version": VERSION,
                "uptime_ms": uptime_ms,
                "trace": trace,
                "counters": counters,
            },
            uptime_ms < WELL_MS,
        )

    def end_row(self) -> None:
        """End the row of early crashes: the board has run well for a while."""
        if self._number("early") and self.last is not None:
            self.last["early"] = 0
            self._write(cbor.encode(self.last))

    def _number(self, name: str) -> int:
        number = 0 if self.last is None else self.last.get(name)
        return number if type(number) is int else 0

    def _keep(self, crash: "dict[str, Any]", is_early: bool) -> None:
        crash["count"] = self._number("count") + 1
        crash["early"] = self._number("early") + 1 if is_early else 0
        trace = crash.pop("trace", "")
        data = cbor.encode(crash)
        room = _MAX_BYTES - len(data) - _TRACE_HEAD_BYTES
        if room < _LEAST_TRACE:
            room += len(cbor.encode(crash.pop("counters", {})))
        if trace:
            crash["trace"] = trace[-room:]
            if len(crash["trace"].encode()) > room:
                crash["trace"] = trace[-(room // 4) :]
            data = cbor.encode(crash)
        self.last = crash
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._storage is not None:
            try:
                self._storage.write_crash(data)
            except OSError:  # a full flash keeps the one before
                pass
