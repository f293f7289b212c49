"""The trial of a firmware that was just updated; loaded in a trial alone.

It has proven itself after a minute without an error, in which a crash would have ended it, once an
owner's request was verified: so keys, storage and the way to the owner work too. Without that it
starts again after ten minutes, and after its last try the loader goes back to what ran before.

An error in what somebody sends who is no owner is excused, lest a stranger, a viewer or a guest
decides which firmware the board runs. It costs the trial nothing but that an owner is served after
it or, where there is one after the other, between them.
"""

from firmware.crash_log import WELL_MS
from firmware.slots import NAMES
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.crash_log import CrashLog
    from firmware.slots import Slots
    from gateway.core import Gateway

_PATIENCE_MS = const(600_000)
_LATELY_MS = const(10_000)


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
        self._excused_ms = -1  # when the last one was

    def excuses(self, asked_ms: int) -> bool:
        """Tell whether an error in what came then is excused: no owner sent it."""
        if self._served_ms() == asked_ms:
            return False
        self._excused_ms = asked_ms
        return True

    def is_over(self, now_ms: int, well_since_ms: int) -> bool:
        """Confirm the slot if it has proven itself; tell whether it has.

        Raises:
            OSError: it has, and the flash is broken.
        """
        is_well = now_ms - well_since_ms >= WELL_MS
        if is_well and self._gateway.has_proven_itself and self._still_serves(now_ms):
            self._slots.confirm()
            self._log(f"the update in slot {NAMES[self._slots.active]} is confirmed")
            return True
        if now_ms >= _PATIENCE_MS:
            reason = "no owner asked" if is_well else "errors again and again,"
            self._crashes.note(f"on trial: {reason} for ten minutes", "", now_ms, {})
            self._restart()
        return False

    def _still_serves(self, now_ms: int) -> bool:
        """Tell whether an owner was served since an error that was excused."""
        served_ms = self._served_ms()
        return served_ms > self._excused_ms or now_ms - served_ms < _LATELY_MS

    def _served_ms(self) -> int:
        asked_ms = self._gateway.owner_asked_ms
        return -1 if asked_ms is None else asked_ms
