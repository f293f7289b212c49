"""Sending, and knowing what was really on the wire.

Where an interface lets a bus be joined twice, the second connection hears what the first one sent:
a frame counts as carried when it was heard, no more than WINDOW frames are on their way, and
whoever waits for the last one knows that all of them went out. An adapter that can be opened only
once is believed when it takes a frame.
"""

import time
from collections import deque
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import can

from carport.errors import NoAnswerError
from carport.traffic.connection import Connection, lost

WINDOW = 128

_STALL_S = 5.0


class Sender:
    """Sends on a bus inside the `with`.

    sent: frames given to the interface; carried: those of them that were on the wire, as far as
    `is_heard` says that anybody can know.
    """

    def __init__(self, connection: Connection) -> None:
        self.sent = 0
        self.carried = 0
        self.is_heard = connection.echoes
        self._connection = connection
        self._waiting: deque[tuple[int, bool, bytes]] = deque()
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._bus = opened.enter_context(self._connection.open())
            # what the first connection receives is left unread where there is a second one
            self._ear = (
                opened.enter_context(self._connection.open()) if self.is_heard else self._bus
            )
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    @property
    def told(self) -> str:
        """What is known of the frames that were sent, for people."""
        return f"{'heard on' if self.is_heard else 'given to'} {self._connection.name}"

    def send(self, frame: can.Message) -> None:
        """Send a data frame, once there is room for it.

        Raises:
            NoAnswerError: the bus is gone, or has taken no frame for 5 s.
        """
        try:
            self._bus.send(frame, timeout=_STALL_S)
        except (can.CanError, OSError) as error:
            raise lost(self._connection.name, error) from error
        self.sent += 1
        if self.is_heard:
            self._waiting.append(_key(frame))
            self._wait(WINDOW)
        self.idle(0)

    def flush(self) -> None:
        """Return when everything was carried.

        Raises:
            NoAnswerError: the bus is gone, or has taken no frame for 5 s.
        """
        self._wait(0)

    def idle(self, seconds: float) -> None:
        """Let the time pass, and hear meanwhile what was carried."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._hear(left_s)
        for _ in range(WINDOW):
            if not self._hear(0):
                break

    def _wait(self, most: int) -> None:
        """Hear until no more than most frames are on their way."""
        since_s, carried = time.monotonic(), self.carried
        while len(self._waiting) > most:
            self._hear(_STALL_S / 10)
            if self.carried > carried:
                since_s, carried = time.monotonic(), self.carried
            elif time.monotonic() - since_s > _STALL_S:
                self._connection.check_alive()
                raise NoAnswerError(
                    f"the bus at {self._connection.name} took no frame for {_STALL_S:g} s: "
                    f"{self.carried} of {self.sent} were carried"
                )

    def _hear(self, timeout_s: float) -> bool:
        try:
            frame = self._ear.recv(timeout_s)
        except (can.CanError, OSError) as error:
            raise lost(self._connection.name, error) from error
        if frame is None:
            return False
        if self._waiting and _key(frame) == self._waiting[0]:
            self._waiting.popleft()
            self.carried += 1
        return True


def _key(frame: can.Message) -> tuple[int, bool, bytes]:
    return frame.arbitration_id, frame.is_extended_id, bytes(frame.data)
