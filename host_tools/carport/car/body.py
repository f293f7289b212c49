"""What a body controller knows: what is open, and locks with motors."""

from collections.abc import Mapping
from typing import ClassVar

from carport.car.ecu import Ecu
from carport.car.lock import Lock, motor_seconds
from carport.car.profile import Profile


class Body(Ecu):
    """All that opens and locks. A place that is ajar, the fault, is open whatever is done to it.

    lock_signals, open_signals: the place of each.
    """

    node = "Body"
    lock_signals: ClassVar[Mapping[str, str]]
    open_signals: ClassVar[Mapping[str, str]]

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self.locks = {
            place: Lock(motor_seconds(self.random)) for place in self.lock_signals.values()
        }
        self.ajar: set[str] = set()
        self.opened = dict.fromkeys(self.open_signals.values(), False)

    @property
    def is_open(self) -> bool:
        """Whether any door, the trunk or the hood is open."""
        return bool(self.ajar) or any(self.opened.values())

    def advance(self, now_s: float) -> None:
        """Let the motors run."""
        for lock in self.locks.values():
            lock.advance(now_s)

    def next_s(self) -> float | None:
        arrivals = [lock.arrives_s for lock in self.locks.values() if lock.arrives_s is not None]
        due_s = super().next_s()
        return due_s if due_s is None else min([due_s, *arrivals])

    def move_locks(self, position: str, now_s: float) -> None:
        """Tell all motors to go to the position."""
        for lock in self.locks.values():
            lock.move(position, now_s)

    def open_values(self) -> dict[str, int]:
        """Return the signals of what is open."""
        return {
            signal: int(self.opened[place] or place in self.ajar)
            for signal, place in self.open_signals.items()
        }
