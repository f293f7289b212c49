"""The body controller: doors, trunk and hood, windows, and locks with motors."""

from typing import ClassVar

from carport.car import body
from carport.car.profile import Profile, SignalValue
from carport.car.reference.buses import BODY_BUS

PLACES = ("FrontLeft", "FrontRight", "RearLeft", "RearRight")
_LOCK_SIGNALS = {f"Lock{place}": place for place in (*PLACES, "Trunk")}
_OPEN_SIGNALS = {f"Door{place}Open": place for place in PLACES} | {
    "TrunkOpen": "Trunk",
    "HoodOpen": "Hood",
}
_WINDOW_SIGNALS = {f"Window{place}": place for place in PLACES}


class Body(body.Body):
    """All that opens and locks."""

    periods_s: ClassVar = {"BODY_DoorStatus": 0.1, "BODY_WindowStatus": 0.5}
    event_messages = frozenset({"BODY_DoorStatus"})
    command = "GW_BodyCommand"
    buses = (BODY_BUS,)
    lock_signals = _LOCK_SIGNALS
    open_signals = _OPEN_SIGNALS

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self._window_percent: dict[str, SignalValue] = dict.fromkeys(_WINDOW_SIGNALS.values(), 0)

    def signals(self) -> dict[str, SignalValue]:
        return {
            **self.open_values(),
            **{signal: self.locks[place].status for signal, place in _LOCK_SIGNALS.items()},
            **{signal: self._window_percent[place] for signal, place in _WINDOW_SIGNALS.items()},
        }

    def obey(self, request: dict[str, SignalValue], now_s: float) -> bool:
        position = {"Lock": "Locked", "Unlock": "Unlocked"}.get(str(request["LockRequest"]))
        if position is not None:
            self.move_locks(position, now_s)
        return True

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal in _OPEN_SIGNALS:
            self.opened[_OPEN_SIGNALS[signal]] = bool(value)
        elif signal in _WINDOW_SIGNALS:
            self._window_percent[_WINDOW_SIGNALS[signal]] = value
        else:
            self.locks[_LOCK_SIGNALS[signal]].move(str(value), now_s)
