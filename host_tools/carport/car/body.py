"""The body controller: doors, trunk and hood, windows, and locks with motors.

A lock that is told to move shows `Moving` for about 300 ms, each motor a little different, then
where it is. It moves whether its door is open or not, as a real latch does.
"""

from typing import ClassVar

from carport.car.ecu import Ecu
from carport.car.profile import Profile, SignalValue

PLACES = ("FrontLeft", "FrontRight", "RearLeft", "RearRight")
_LOCK_SIGNALS = {f"Lock{place}": place for place in (*PLACES, "Trunk")}
_OPEN_SIGNALS = {f"Door{place}Open": place for place in PLACES} | {
    "TrunkOpen": "Trunk",
    "HoodOpen": "Hood",
}
_WINDOW_SIGNALS = {f"Window{place}": place for place in PLACES}

_MOTOR_MIN_S = 0.27
_MOTOR_MAX_S = 0.33


class Lock:
    """A latch and its motor, which takes motor_s; a stuck one does not move."""

    def __init__(self, motor_s: float) -> None:
        self.is_stuck = False
        self.arrives_s: float | None = None
        self._motor_s = motor_s
        self._position = "Unlocked"

    @property
    def status(self) -> str:
        """`Locked`, `Unlocked` or `Moving`."""
        return self._position if self.arrives_s is None else "Moving"

    def move(self, position: str, now_s: float) -> None:
        """Go to the position, or stay if that is where the lock is or is going."""
        if position != self._position and not self.is_stuck:
            self._position = position
            self.arrives_s = now_s + self._motor_s

    def advance(self, now_s: float) -> None:
        """Arrive, if it is time."""
        if self.arrives_s is not None and now_s >= self.arrives_s:
            self.arrives_s = None


class Body(Ecu):
    """All that opens and locks."""

    node = "Body"
    periods_s: ClassVar = {"BODY_DoorStatus": 0.1, "BODY_WindowStatus": 0.5}
    event_messages = frozenset({"BODY_DoorStatus"})
    command = "GW_BodyCommand"

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self.locks = {
            place: Lock(self.random.uniform(_MOTOR_MIN_S, _MOTOR_MAX_S))
            for place in _LOCK_SIGNALS.values()
        }
        self.ajar: set[str] = set()
        self._open = dict.fromkeys(_OPEN_SIGNALS.values(), False)
        self._window_percent: dict[str, SignalValue] = dict.fromkeys(_WINDOW_SIGNALS.values(), 0)

    @property
    def is_open(self) -> bool:
        """Whether any door, the trunk or the hood is open."""
        return bool(self.ajar) or any(self._open.values())

    def advance(self, now_s: float) -> None:
        """Let the motors run."""
        for lock in self.locks.values():
            lock.advance(now_s)

    def next_s(self) -> float | None:
        arrivals = [lock.arrives_s for lock in self.locks.values() if lock.arrives_s is not None]
        due_s = super().next_s()
        return due_s if due_s is None else min([due_s, *arrivals])

    def signals(self) -> dict[str, SignalValue]:
        return {
            **{
                signal: int(self._open[place] or place in self.ajar)
                for signal, place in _OPEN_SIGNALS.items()
            },
            **{signal: self.locks[place].status for signal, place in _LOCK_SIGNALS.items()},
            **{signal: self._window_percent[place] for signal, place in _WINDOW_SIGNALS.items()},
        }

    def obey(self, request: dict[str, SignalValue], now_s: float) -> None:
        position = {"Lock": "Locked", "Unlock": "Unlocked"}.get(str(request["LockRequest"]))
        if position is not None:
            for lock in self.locks.values():
                lock.move(position, now_s)

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal in _OPEN_SIGNALS:
            self._open[_OPEN_SIGNALS[signal]] = bool(value)
        elif signal in _WINDOW_SIGNALS:
            self._window_percent[_WINDOW_SIGNALS[signal]] = value
        else:
            self.locks[_LOCK_SIGNALS[signal]].move(str(value), now_s)
