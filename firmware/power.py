"""When the board may sleep: what its owner has set, and what the 12 V battery says.

    reachable   always awake; Wi-Fi rests between the beacons of its access point
    stored      in deep sleep. A frame on the car's bus, the button or the timer wakes the board,
                which starts from the beginning, stays up for a while, and sleeps again

Rules:

1. Which of them is in force the owner decides (`mode`), and a battery that is low, which forces
   `stored`: below `low_mv` for 60 s. Back 300 mV above it for 60 s, the owner's choice counts
   again. A board that cannot measure its supply knows no voltage, and forces nothing.
2. In `stored` it stays up
       60 s        after each start; 10 minutes if its power or its button started it
       3 minutes   after a request of somebody who may command
       10 s        after the last frame on the bus, and the last byte on the cable
       as long     as somebody observes, or it is in the middle of what must not be cut off: a
                   command or its limit, pairing, arming, the trial of an update
3. With a low battery it stays up for the minute after its start, for the bus and the cable, for
   what must not be cut off, and to see whether a battery that is back above keeps so; for nobody's
   requests. It wakes once an hour at most.
4. Nobody who only looks keeps it awake, but by observing: what polls a car must not drain it.

It sends nothing. A locked, idle car hears nothing of it, awake or asleep.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REACHABLE = "reachable"
STORED = "stored"

INTERVAL_S = 900
LOW_MV = 12_200  # a lead-acid battery at rest is half empty

BY_BUTTON = "button"  # what has started the board; "" is its power, and whatever is not a wake-up

_FORCED_INTERVAL_S = const(3600)
_HYSTERESIS_MV = const(300)
_SUPPLY_MS = const(60_000)
_START_MS = const(60_000)  # firmware.crash_log.WELL_MS: each start ends a row of early crashes
_FRESH_MS = const(600_000)
_ASKED_MS = const(180_000)
_HEARD_MS = const(10_000)


class Power:
    """The rules above; `look` is to be called about once a second, then `may_sleep`.

    woken_by: what has started the board: "", "button", "bus" or "timer". is_forced: the battery
    was low when it went to sleep. pace: how many times faster it loses patience; an emulated
    board's tests are in a hurry.
    """

    def __init__(self, woken_by: str, is_forced: bool, now_ms: int, pace: int = 1) -> None:
        self.is_forced = is_forced
        self._pace = pace
        self._mode = REACHABLE
        self._interval_s = INTERVAL_S
        self._supply_mv: int | None = None
        self._crossed_ms: int | None = None  # since when the supply is beyond the threshold
        self._started_until_ms = now_ms + _START_MS // pace
        is_fresh = woken_by in ("", BY_BUTTON)
        self._fresh_until_ms = now_ms + (_FRESH_MS if is_fresh else _START_MS) // pace
        self._until_ms = self._fresh_until_ms

    @property
    def interval_s(self) -> int:
        """How long the board sleeps, if nothing wakes it sooner."""
        if self.is_forced and self._interval_s < _FORCED_INTERVAL_S:
            return _FORCED_INTERVAL_S
        return self._interval_s

    def look(
        self, settings: "dict[str, Any] | None", supply_mv: "int | None", now_ms: int
    ) -> bool:
        """Tell whether `stored` is in force, so that `may_sleep` is to be asked.

        Args:
            settings: the owner's: mode, interval_s and low_mv, as far as they are set.
            supply_mv: the 12 V battery's voltage, None if it is not known.
        """
        if settings is None:
            settings = {}
        self._mode = settings.get("mode", REACHABLE)
        self._interval_s = settings.get("interval_s", INTERVAL_S)
        self._judge(supply_mv, settings.get("low_mv", LOW_MV), now_ms)
        return self.is_forced or self._mode == STORED

    def may_sleep(
        self,
        heard_ms: int,
        asked_ms: "int | None",
        is_observed: bool,
        is_held: bool,
        now_ms: int,
    ) -> bool:
        """Tell whether the board may sleep now, as far as it is `stored`.

        Args:
            heard_ms: when something last came on a bus or on the cable.
            asked_ms: when somebody who may command last asked for something, None if never.
            is_observed: somebody is told of changes.
            is_held: what must not be cut off is under way.
        """
        until_ms = max(self._started_until_ms, heard_ms + _HEARD_MS // self._pace)
        if not self.is_forced:
            until_ms = max(until_ms, self._fresh_until_ms)
            if asked_ms is not None:
                until_ms = max(until_ms, asked_ms + _ASKED_MS // self._pace)
        elif self._crossed_ms is not None:  # charged, perhaps
            until_ms = max(until_ms, self._crossed_ms + _SUPPLY_MS // self._pace)
        if is_held or (is_observed and not self.is_forced):
            until_ms = max(until_ms, now_ms + _HEARD_MS // self._pace)
        self._until_ms = until_ms
        return now_ms >= until_ms

    def describe(self, started_ms: int) -> "dict[str, Any]":
        """Return the map that `carport.cddl` calls power."""
        is_stored = self.is_forced or self._mode == STORED
        described: dict[str, Any] = {
            "mode": self._mode,
            "state": STORED if is_stored else REACHABLE,
        }
        if self._supply_mv is not None:
            described["supply_mv"] = self._supply_mv
        if is_stored:
            described["interval_s"] = self.interval_s
            described["awake_until_s"] = (self._until_ms - started_ms) // 1000
        if self.is_forced:
            described["forced"] = True
        return described

    def _judge(self, supply_mv: "int | None", low_mv: int, now_ms: int) -> None:
        """Take note of the voltage: rule 1."""
        self._supply_mv = supply_mv
        if supply_mv is None:
            self.is_forced = False
            self._crossed_ms = None
            return
        limit_mv = low_mv + _HYSTERESIS_MV if self.is_forced else low_mv
        if (supply_mv < limit_mv) == self.is_forced:
            self._crossed_ms = None
        elif self._crossed_ms is None:
            self._crossed_ms = now_ms
        elif now_ms - self._crossed_ms >= _SUPPLY_MS // self._pace:
            self._crossed_ms = None
            self.is_forced = not self.is_forced
