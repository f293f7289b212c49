"""Puts the board to sleep, when firmware/power.py says so.

Deep sleep ends the program as a power cut does: whatever counts is durable before, and the next
start is one like any other, but for what firmware/kept.py holds.

A bus that has woken the board and then says nothing was a false alarm: a pin that floats, or talk
that the car's profile does not listen to. After three in a row the board sleeps an interval
without listening for the bus; each wake-up by the timer forgives one. So nothing on the wire keeps
a board of a parked car awake for ever.
"""

from firmware.power import Power
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.board import Board
    from firmware.cable import Cable
    from firmware.can_bus import CanBus
    from firmware.health import Health
    from gateway.core import Gateway

_LOOK_MS = const(1000)
_ALARMS = const(3)


class Sleeper:
    """Looks each second whether the board may sleep.

    Attributes:
        due_ms: when it wants to look again.
    """

    def __init__(
        self,
        board: "Board",
        gateway: "Gateway",
        cable: "Cable",
        buses: "list[CanBus]",
        health: "Health",
        was_low: bool,
        alarms: int,
        now_ms: int,
    ) -> None:
        self._log = board.log
        self._gateway = gateway
        self._cable = cable
        self._buses = buses
        self._health = health
        self._started_ms = now_ms
        self._port = port = board.power
        self._power = Power(port.woken_by, was_low, now_ms, port.pace)
        self._look_ms = _LOOK_MS // port.pace
        self._alarms = alarms
        self.due_ms = now_ms
        gateway.attach_power(self.describe)

    def describe(self) -> "dict[str, Any]":
        """Return the map that `carport.cddl` calls power."""
        return self._power.describe(self._started_ms)

    def may_sleep(self, now_ms: int) -> bool:
        """Tell whether the board may sleep, once nothing is left to be stored or sent."""
        self.due_ms = now_ms + self._look_ms
        gateway, power = self._gateway, self._power
        if not power.look(gateway.settings.power, self._port.supply_mv(), now_ms):
            return False
        heard_ms = self._cable.heard_ms
        for bus in self._buses:
            heard_ms = max(heard_ms, bus.heard_ms)
        asked_ms, is_observed, is_held = gateway.activity(now_ms)
        is_held = is_held or self._health.trial is not None
        return power.may_sleep(heard_ms, asked_ms, is_observed, is_held, now_ms)

    def sleep(self, now_ms: int) -> None:
        """Sleep; what follows is the board's next start. It stays up if a bus wakes just now."""
        power, port = self._power, self._port
        for index, bus in enumerate(self._buses):
            if not bus.sleep():
                for each in self._buses[: index + 1]:
                    each.wake(self._gateway.is_armed, now_ms)
                return
        why = " for the 12 V battery is low" if power.is_forced else ""
        self._log(f"asleep for {power.interval_s} s{why}")
        from firmware import kept

        alarms = self._count_alarms()
        at_least_s = self._gateway.at_least_s(now_ms)
        to_keep = kept.encode(power.is_forced, alarms, at_least_s, port.rtc_s())
        port.sleep(power.interval_s, to_keep, alarms < _ALARMS)

    def _count_alarms(self) -> int:
        """Return how often in a row the bus has woken the board for nothing."""
        if any(bus.heard_ms for bus in self._buses):
            return 0
        if self._port.woken_by == "bus":
            return min(self._alarms + 1, _ALARMS)
        return max(self._alarms - 1, 0)
