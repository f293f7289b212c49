"""Whether the firmware runs well: the watchdog is fed only then, and too many errors end the run.

A turn of the loop is well when all its deadlines were served and every source that was ready had
its go, without an error. The watchdog resets the board after 10 s without such a turn.
"""

import gc
import io
import sys

from firmware.crash_log import WELL_MS
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.crash_log import CrashLog
    from firmware.trial import Trial

LONGEST_WAIT_MS = const(4000)  # a turn that only waits ends well before the watchdog's time

_FEED_MS = const(1000)
_MAX_ERRORS = const(16)
_ERRORS_FOR_MS = const(60_000)
_SAFE_MODE_MS = const(3_600_000)


class Health:
    """Feeds the watchdog, and notes crashes.

    Args:
        feed: keeps the watchdog from resetting the board.
        reset: restarts the board; does not return.
        is_safe_mode: the board does less than it should, and so tries again after an hour.

    `errors` counts the turns and inputs that failed; `trial` is an update's, if there is one: what
    it excuses ends no run, and the turn was well all the same.
    """

    def __init__(
        self,
        crashes: "CrashLog",
        feed: "Callable[[], object]",
        reset: "Callable[[], object]",
        is_safe_mode: bool,
    ) -> None:
        self._crashes = crashes
        self._feed = feed
        self._reset = reset
        self._is_safe_mode = is_safe_mode
        self._is_row_ended = False
        self._fed_ms = 0
        self.errors = 0
        self.trial: Trial | None = None
        self._well_since_ms = 0
        self._recent_errors = 0
        self._recent_since_ms = 0

    def turn_was_well(self, now_ms: int) -> None:
        """Feed the watchdog, unless that was a moment ago."""
        if now_ms - self._fed_ms < _FEED_MS:
            return
        self._fed_ms = now_ms
        self._feed()
        if now_ms >= WELL_MS and not self._is_row_ended:
            self._is_row_ended = True
            self._crashes.end_row()
        if self.trial is not None and self.trial.is_over(now_ms, self._well_since_ms):
            self.trial = None
        if self._is_safe_mode and now_ms >= _SAFE_MODE_MS:
            self._reset()

    def note_error(
        self,
        error: Exception,
        now_ms: int,
        counters: "dict[str, int]",
        log: "Callable[[str], object]",
        come_ms: "int | None" = None,
    ) -> bool:
        """Log an error; too many in a minute are a crash.

        come_ms: when it came what somebody sent and the error is about, None if nobody did.

        Returns:
            Whether the error is excused.
        """
        self.errors += 1
        trace = trace_of(error)
        for line in trace.splitlines():
            log(line)
        trial = self.trial
        if trial is not None and come_ms is not None and trial.excuses(come_ms):
            return True
        if now_ms - self._recent_since_ms > _ERRORS_FOR_MS:
            self._recent_errors = 0
            self._recent_since_ms = now_ms
        self._recent_errors += 1
        self._well_since_ms = now_ms
        if self._recent_errors >= _MAX_ERRORS:
            log("too many errors: restarting")
            self._crashes.note("too many errors: " + reason_of(error), trace, now_ms, counters)
            self._reset()
        return False


def reason_of(error: Exception) -> str:
    """Return an error's name and text."""
    return f"{type(error).__name__}: {error}"


def trace_of(error: Exception) -> str:
    """Return an error's traceback; a heap that ran full is emptied first."""
    gc.collect()
    trace = io.StringIO()
    sys.print_exception(error, trace)
    text: str = trace.getvalue()
    return text
