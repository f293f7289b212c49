"""What the board's LED says: one state at a time, the first of these that holds.

    fault      ██░░██░░██░░██░░   something is wrong: `carport doctor` says what   red
    pairing    ████████░░░░░░░░   an owner can be made, over the cable             blue
    updating   ███████████████░   an update is on trial                            magenta
    armed      █░█░░░░░░░░░░░░░   it may send to the car                           green
    connected  █░░░░░░░░░░░░░░░   it only listens, and has a network               white
    listening  █░░░░░░░░░░░░░░░   it only listens, without one: half as often      white
    sleeping   ░░░░░░░░░░░░░░░░   in deep sleep, or without power

Colours are for an LED that has any. A board without an LED does not load this.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from firmware.board import Board
    from firmware.health import Health
    from gateway.core import Gateway

    class Light(Protocol):
        """The LED itself; colour: bits for red (4), green (2) and blue (1)."""

        def show(self, state: str, colour: int) -> None: ...


FAULT = "fault"
PAIRING = "pairing"
UPDATING = "updating"
ARMED = "armed"
CONNECTED = "connected"
LISTENING = "listening"
SLEEPING = "sleeping"

# The colour, then for how many times 20 ms it is on, off, on, off ...
_PATTERNS = {
    FAULT: b"\x04\x08\x08",
    PAIRING: b"\x01\x19\x19",
    UPDATING: b"\x05\x5f\x05",
    ARMED: b"\x02\x03\x09\x03\x69",
    CONNECTED: b"\x07\x03\x75",
    LISTENING: b"\x07\x03\xf7",
}
_UNIT_MS = const(20)
_LOOK_MS = const(1000)


class Led:
    """Shows the state that look(now_ms) returns.

    Attributes:
        due_ms: when it wants `handle_timer`; a new state shows a second later at most.
    """

    def __init__(self, light: "Light", look: "Callable[[int], str]") -> None:
        self._light = light
        self._look = look
        self._state = ""
        self._step = 0
        self._step_ends_ms = 0
        self.due_ms = 0

    def handle_timer(self, now_ms: int) -> None:
        """Show what is due."""
        state = self._look(now_ms)
        if state != self._state:
            self._state = state
            self._step = 0
            self._step_ends_ms = now_ms
        if now_ms >= self._step_ends_ms:
            self._begin_step(now_ms)
        self.due_ms = min(self._step_ends_ms, now_ms + _LOOK_MS)

    def put_out(self) -> None:
        """Go out, before the board sleeps: some LEDs outlive the program."""
        self._light.show(SLEEPING, 0)

    def _begin_step(self, now_ms: int) -> None:
        pattern = _PATTERNS[self._state]
        self._step += 1
        if self._step == len(pattern):
            self._step = 1
        self._step_ends_ms = now_ms + _UNIT_MS * pattern[self._step]
        self._light.show(self._state, pattern[0] if self._step & 1 else 0)


def watch(
    gateway: "Gateway", board: "Board", health: "Health", is_safe_mode: bool
) -> "Callable[[int], str]":
    """Return what tells the state of a gateway."""

    def look(now_ms: int) -> str:
        if is_safe_mode or gateway.is_in_trouble:
            return FAULT
        if gateway.is_pairing(now_ms):
            return PAIRING
        if health.trial is not None:
            return UPDATING
        if gateway.is_armed:
            return ARMED
        return CONNECTED if board.subnets() else LISTENING

    return look
