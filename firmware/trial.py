"""The trial of a firmware that was just updated; loaded in a trial alone.

It has proven itself after a minute without an error, in which a crash would have ended it, once an
owner's request was verified: so keys, storage and the way to the owner work too. Without that it
starts again after ten minutes, and after its last try the loader goes back to what ran before.
"""

from firmware.crash_log import WELL_MS
from firmware.slots import CONFIRMED, NAMES
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.crash_log import CrashLog
    from firmware.slots import Slots
    from gateway.core import Gateway

_PATIENCE_MS = const(600_000)


class Trial:
    """Watches a trial from `start` on; restart() does not return."""

    def __init__(
        self,
        slots: "Slots",
        gateway: "Gateway",
        crashes: "CrashLog",
        log: "Callable[[str], object]",
        restart: "Callable[[], object]",
    ) -> None:
        self._slots = slots
        self._gateway = gateway
        self._crashes = crashes
        self._log = log
        self._restart = restart

    def is_over(self, now_ms: int, well_since_ms: int) -> bool:
        """Confirm the slot if it has proven itself; tell whether it has."""
        is_well = now_ms - well_since_ms >= WELL_MS
        if is_well and self._gateway.has_proven_itself:
            self._slots.tries = CONFIRMED
            self._slots.save()
            self._log(f"the update in slot {NAMES[self._slots.active]} is confirmed")
            return True
        if now_ms >= _PATIENCE_MS:
            reason = "no owner asked" if is_well else "errors again and again,"
            self._crashes.note(f"on trial: {reason} for ten minutes", "", now_ms, {})
            self._restart()
        return False
