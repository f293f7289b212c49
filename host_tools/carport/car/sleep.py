"""When the car sleeps: nobody has touched it for a while, and nothing in it is on.

    awake ── sleep_after_s since it was last touched ──▶ asleep
    awake ◀── any frame on the bus, or somebody touches the car ── asleep

The gateway's wake request, a command, and whatever is in use (a door open, the ignition, the
climate unit) touch it. The frame that wakes is lost: a sleeping transceiver only sees its edges.
"""

DEFAULT_SLEEP_AFTER_S = 60.0


class Sleep:
    """Whether the car is awake; it is at first."""

    def __init__(self, sleep_after_s: float) -> None:
        self.sleep_after_s = sleep_after_s
        self.is_awake = True
        self._touched_s = 0.0

    def touch(self, now_s: float) -> bool:
        """Keep the car awake for another while; return whether this woke it."""
        woke = not self.is_awake
        self.is_awake = True
        self._touched_s = now_s
        return woke

    def next_s(self) -> float:
        """Return when the car falls asleep if nobody touches it."""
        return self._touched_s + self.sleep_after_s

    def is_due(self, now_s: float) -> bool:
        """Tell whether the car falls asleep now."""
        return self.is_awake and now_s >= self.next_s()
