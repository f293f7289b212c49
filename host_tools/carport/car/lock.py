"""A lock with a motor.

A lock that is told to move shows `Moving` for about 300 ms, each motor a little different, then
where it is. It moves whether its door is open or not, as a real latch does.
"""

from random import Random

_MOTOR_MIN_S = 0.27
_MOTOR_MAX_S = 0.33


def motor_seconds(random: Random) -> float:
    """Return how long a motor takes."""
    return random.uniform(_MOTOR_MIN_S, _MOTOR_MAX_S)


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

    @property
    def is_locked(self) -> bool:
        """Whether it is locked; until the motor arrives, whether it was."""
        return (self._position == "Locked") == (self.arrives_s is None)

    def move(self, position: str, now_s: float) -> None:
        """Go to the position, or stay if that is where the lock is or is going."""
        if position != self._position and not self.is_stuck:
            self._position = position
            self.arrives_s = now_s + self._motor_s

    def advance(self, now_s: float) -> None:
        """Arrive, if it is time."""
        if self.arrives_s is not None and now_s >= self.arrives_s:
            self.arrives_s = None
