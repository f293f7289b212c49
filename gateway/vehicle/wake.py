"""Waking the bus for a command: the profile's frames in their order, again and again.

    off ── begin ──▶ frame 0 ── its acknowledgement, and the time between ──▶ frame 1 ... ─┐
     ▲                 ▲                                                                   │
     │                 └────────────────── a period after frame 0 ─────────────────────────┤
     └── the command has ended, or the bus is awake and the profile needs no more ─────────┘

Only one frame is under way at a time: the first of them waits in the controller for a node to wake
up and acknowledge it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vehicle.command import Transmission


class WakeUp:
    """The wake-up of one command.

    row: the compiled profile's `wake`, None if this car needs none.
    outstanding: its frame that the controller has.
    """

    def __init__(self, row: "dict[str, Any] | None") -> None:
        self._row = row
        self._step = 0
        self._next_ms: int | None = None
        self.outstanding: Transmission | None = None

    @property
    def is_on(self) -> bool:
        """Whether it has begun, and is not over."""
        return self._next_ms is not None

    @property
    def is_half_done(self) -> bool:
        """Whether the car waits for the rest of the frames."""
        return self._step > 0

    def begin(self, now_ms: int) -> None:
        """Wake the bus from now on, if that has not begun."""
        if self._row is not None and self._next_ms is None:
            self._next_ms = now_ms

    def next_frame(self, is_awake: bool, now_ms: int) -> "tuple[int, dict[int, int], int] | None":
        """Return (transmitted message, {place: raw value}, deadline) of a frame due now."""
        if self._row is None or self.outstanding is not None:
            return None
        if self._next_ms is None or now_ms < self._next_ms:
            return None
        frames = self._row["frames"]
        period_ms = self._row["period_ms"]
        if self._step == 0 and is_awake and not self._row["stays"]:
            self._next_ms = None
            return None
        after_ms, index, raw_values = frames[self._step]
        self._step = (self._step + 1) % len(frames)
        self._next_ms = now_ms - after_ms + (frames[self._step][0] or period_ms)
        return index, raw_values, now_ms + 2 * period_ms

    def next_ms(self) -> "int | None":
        """Return when the next frame is due, None if that is not known yet."""
        return None if self.outstanding is not None else self._next_ms
