"""A flag that an interrupt sets and the runner's poll waits for. Not run on a board yet."""

import io

from gateway.const import const

_MP_STREAM_POLL = const(3)
_MP_STREAM_POLL_RD = const(1)


class Wakeup(io.IOBase):
    """Polls readable from `set` to `clear`."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Wake the runner; allocates nothing, so interrupts may call it."""
        self._is_set = True

    def clear(self) -> None:
        """Do this before looking at what happened, so that nothing is missed."""
        self._is_set = False

    def ioctl(self, request: int, argument: int) -> int:
        """Answer `select.poll`."""
        if request != _MP_STREAM_POLL:
            return -1
        return argument & _MP_STREAM_POLL_RD if self._is_set else 0
