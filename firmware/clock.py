"""Time for the core: milliseconds that only go up, from the ticks that wrap around."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Clock:
    """Counts from 0; must be read at least once in each half of the ticks' period.

    That period is 2**30 ms on an ESP32, so every 6 days; the runner never waits that long.
    """

    def __init__(
        self,
        ticks_ms: "Callable[[], Any]",
        ticks_diff: "Callable[[Any, Any], int]",
    ) -> None:
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._now_ms = 0

    def now_ms(self) -> int:
        """Return the milliseconds since this clock was made."""
        ticks = self._ticks_ms()
        self._now_ms += self._ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now_ms
