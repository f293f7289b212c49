"""A python-can program of its own on the car's bus: what it hears, the gateway really sent."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import can
import cantools.database
from cantools.database.can import Database

_GATEWAY = "Gateway"
_RECV_S = 0.1


class Listener:
    """Keeps every frame on the bus while the `with` lasts, in `frames`."""

    def __init__(self, endpoint: dict[str, Any], dbc: Path) -> None:
        """endpoint: as `carport emulate --json` prints it under "can"; its first channel."""
        database = cantools.database.load_file(dbc)
        assert isinstance(database, Database)
        self._messages = {message.frame_id: message for message in database.messages}
        self.frames: list[can.Message] = []
        self._heard = threading.Condition()
        self._bus = can.Bus(
            interface=endpoint["interface"],
            host=endpoint["host"],
            port=endpoint["port"],
            channel=endpoint["channels"][0],
        )
        self._notifier = can.Notifier(self._bus, [self._hear], timeout=_RECV_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._notifier.stop()
        self._bus.shutdown()

    def name(self, arbitration_id: int) -> str:
        """Return what the DBC calls a frame, "" if it does not know it."""
        message = self._messages.get(arbitration_id)
        return message.name if message else ""

    def is_ours(self, frame: can.Message) -> bool:
        """Tell whether the gateway sends frames with this id; nobody else may."""
        message = self._messages.get(frame.arbitration_id)
        return message is not None and _GATEWAY in message.senders

    def ours_since(self, index: int) -> list[can.Message]:
        """Return the gateway's frames among `frames[index:]`."""
        with self._heard:
            return [frame for frame in self.frames[index:] if self.is_ours(frame)]

    def wait_for(
        self, wanted: Callable[[can.Message], bool], since: int, timeout_s: float
    ) -> can.Message | None:
        """Return the first such frame among `frames[since:]`; None if it does not come in time."""
        deadline_s = time.monotonic() + timeout_s
        with self._heard:
            while True:
                for frame in self.frames[since:]:
                    if wanted(frame):
                        return frame
                since = len(self.frames)
                if not self._heard.wait(deadline_s - time.monotonic()):
                    return None

    def _hear(self, frame: can.Message) -> None:
        with self._heard:
            self.frames.append(frame)
            self._heard.notify_all()
