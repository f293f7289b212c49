"""A python-can program of its own on the car's bus, which keeps what the gateway really sent."""

import threading
import time
from types import TracebackType
from typing import Any, Self

import can

from tests.car_rig import load_database
from tests.waiting import PATIENCE_S

_DATABASE = load_database()
_OURS = {
    message.frame_id: message for message in _DATABASE.messages if "Gateway" in message.senders
}


class Listener:
    """Keeps what the gateway's frames ask for in the `with`, such as `LockRequest=Lock`."""

    def __init__(self, endpoint: dict[str, Any]) -> None:
        """endpoint: as `carport emulate --json` prints it under "can"; its first channel."""
        self.heard: list[str] = []
        self._condition = threading.Condition()
        self._bus = can.Bus(
            interface=endpoint["interface"],
            host=endpoint["host"],
            port=endpoint["port"],
            channel=endpoint["channels"][0],
        )
        self._notifier = can.Notifier(self._bus, [self._hear], timeout=0.1)

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

    def wait_for(self, wanted: str, since: int) -> None:
        """Return once that was heard among `heard[since:]`."""
        deadline_s = time.monotonic() + PATIENCE_S
        with self._condition:
            while wanted not in self.heard[since:]:
                remaining_s = deadline_s - time.monotonic()
                assert self._condition.wait(remaining_s), f"no {wanted} in {self.heard[since:]}"

    def _hear(self, frame: can.Message) -> None:
        message = _OURS.get(frame.arbitration_id)
        if message is None:
            return
        signals = message.decode(bytes(frame.data))
        assert isinstance(signals, dict)
        asked = [f"{name}={value}" for name, value in signals.items() if name.endswith("Request")]
        with self._condition:
            self.heard += [each for each in asked if not each.endswith("=NoRequest")]
            self._condition.notify_all()
