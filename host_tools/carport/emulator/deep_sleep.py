"""A board in deep sleep: its program has ended, and what wakes it starts it anew."""

import asyncio
from collections.abc import Callable
from typing import Literal

WokenBy = Literal["timer", "bus", "button", "power"]

_LOOK_S = 0.02


class DeepSleep:
    """Waits for what wakes a board.

    count_frames: how much was ever seen on the buses: any more of it wakes the board, as the first
    edge on the wire wakes an MCP2515; so what woke it is not received.
    """

    def __init__(self, count_frames: Callable[[], int]) -> None:
        self._count_frames = count_frames
        self._woken: asyncio.Future[WokenBy] | None = None

    @property
    def is_asleep(self) -> bool:
        """Whether `wake` would do anything."""
        return self._woken is not None and not self._woken.done()

    def wake(self, by: WokenBy) -> None:
        """Wake the board, if it is asleep."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(by)

    async def wait(self, duration_s: float, is_bus_watched: bool) -> WokenBy:
        """Return what has woken the board: the timer after so long, or something else before."""
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        ends_s = loop.time() + duration_s
        frames = self._count_frames()
        while not self._woken.done():
            if is_bus_watched and self._count_frames() != frames:
                self.wake("bus")
            elif loop.time() >= ends_s:
                self.wake("timer")
            else:
                await asyncio.wait([self._woken], timeout=_LOOK_S)
        return self._woken.result()
