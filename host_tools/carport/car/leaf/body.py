"""The Leaf's body controller: doors, lights, start button, and locks with one command for all."""

from typing import ClassVar

from carport.car import body
from carport.car.leaf.buses import CAR_BUS
from carport.car.profile import Profile, SignalValue

_DOORS = ("FrontLeft", "FrontRight", "RearLeft", "RearRight")
_PRESSURE_PSI = 36.0


class Body(body.Body):
    """All that opens, locks, and is told beside it in the same frames."""

    periods_s: ClassVar = {"BCM_Status": 0.1, "TPMS_Pressures": 1.0}
    event_messages = frozenset({"BCM_Status"})
    command = "TCU_Command"
    buses = (CAR_BUS,)
    lock_signals: ClassVar = {"DriverDoorLocked": "FrontLeft", "OtherDoorsLocked": "OtherDoors"}
    open_signals: ClassVar = {
        **{f"Door{place}Open": place for place in _DOORS},
        "TrunkOpen": "Trunk",
    }

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self._others: dict[str, SignalValue] = {
            "DipBeam": 0,
            "StartButton": "Off",
            **{f"Pressure{place}": _PRESSURE_PSI for place in _DOORS},
        }

    @property
    def is_switched_on(self) -> bool:
        """Whether the start button is not at off."""
        return self._others["StartButton"] != "Off"

    def turn(self, is_on: bool) -> None:
        """Turn the start button."""
        self._others["StartButton"] = "Ready" if is_on else "Off"

    def signals(self) -> dict[str, SignalValue]:
        locked = {name: int(self.locks[at].is_locked) for name, at in self.lock_signals.items()}
        return {**self.open_values(), **locked, **self._others}

    def obey(self, request: dict[str, SignalValue], now_s: float) -> bool:
        position = {"Lock": "Locked", "Unlock": "Unlocked"}.get(str(request["Command"]))
        if position is not None:
            self.move_locks(position, now_s)
        return position is not None

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal in self.open_signals:
            self.opened[self.open_signals[signal]] = bool(value)
        elif signal in self.lock_signals:
            position = "Locked" if value else "Unlocked"
            self.locks[self.lock_signals[signal]].move(position, now_s)
        else:
            self._others[signal] = value
