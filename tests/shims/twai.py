"""machine.CAN on an ESP32, which stock MicroPython has not: the chip's own controller, TWAI.

As micropython PR #19461 makes it: ids from 1, pins that are part of the build, eight frames to
send in the order in which they came, one filter, and no way to take a frame back: `cancel_send`
returns False, `restart` only ends bus-off, and `deinit` forgets what is pending.
"""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONTROLLERS = 2  # of a C6; others have one


class CAN:
    """The controller; `sent`, `is_acknowledged`, `deliver` and `run` are for tests."""

    MODE_NORMAL = 0
    MODE_SLEEP = 1
    MODE_LOOPBACK = 2
    MODE_SILENT = 3
    MODE_SILENT_LOOPBACK = 4

    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_WARNING = 2
    STATE_PASSIVE = 3
    STATE_BUS_OFF = 4

    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 16

    IRQ_TX = 1
    IRQ_RX = 2
    IRQ_TX_FAILED = 4
    IRQ_STATE = 8
    IRQ_TX_IDX_SHIFT = 16
    IRQ_TX_IDX_MASK = 0xFF

    TX_QUEUE_LEN = 8
    FILTERS_MAX = 1

    def __init__(self, id: int, bitrate: int, mode: int = 0) -> None:
        if not 1 <= id <= CONTROLLERS:
            raise ValueError("invalid id")
        self.is_acknowledged = True
        self.sent: list[tuple[int, bytes]] = []
        self._state = self.STATE_STOPPED
        self.init(bitrate, mode)

    def init(self, bitrate: int, mode: int = 0) -> None:
        if mode == self.MODE_SLEEP:
            raise ValueError("invalid mode")
        self.bitrate, self.mode = bitrate, mode
        self.pending: list[tuple[int, int, bytes]] = []
        self.received: list[tuple[int, bytes, int]] = []
        self._next = 0
        self._events: list[int] = []
        self._handler: Callable[[CAN], object] | None = None
        self._trigger = 0
        self._state = self.STATE_ACTIVE

    def deinit(self) -> None:
        self.pending = []
        self._state = self.STATE_STOPPED

    def set_filters(self, filters: "list[tuple[int, int, int]] | None") -> None:
        assert filters is None or len(filters) <= self.FILTERS_MAX

    def irq(self, handler: "Callable[[CAN], object] | None" = None, trigger: int = 0) -> "CAN":
        if handler is not None:
            self._handler, self._trigger = handler, trigger
        return self

    def flags(self) -> int:
        """Return one event, as the object does that irq returns."""
        return self._events.pop(0) if self._events else 0

    def send(self, id: int, data: "Any", flags: int = 0) -> "int | None":
        if self.mode == self.MODE_SILENT or self._state == self.STATE_STOPPED:
            raise OSError(errno.EIO)
        if len(self.pending) == self.TX_QUEUE_LEN:
            return None
        index = self._next % self.TX_QUEUE_LEN
        self._next += 1
        self.pending.append((index, id, bytes(data)))
        return index

    def cancel_send(self, index: int) -> bool:
        return False

    def recv(self, arg: "list[Any]") -> "list[Any] | None":
        if not self.received:
            return None
        id, data, flags = self.received.pop(0)
        arg[0], arg[1], arg[2], arg[3] = id, memoryview(data), flags, 0
        return arg

    def state(self) -> int:
        return self._state

    def get_counters(self, list: "list[int]") -> "list[int]":
        for index in range(8):
            list[index] = 0
        list[5] = len(self.pending)
        return list

    def restart(self) -> None:
        pass

    def deliver(self, id: int, data: bytes) -> None:
        """Somebody else sends a frame."""
        self.received.append((id, data, 0))
        self._tell(self.IRQ_RX)

    def run(self) -> None:
        """Let the bus take what is pending, if anybody acknowledges."""
        while self.pending and self.is_acknowledged:
            index, id, data = self.pending.pop(0)
            self.sent.append((id, data))
            self._tell(self.IRQ_TX | index << self.IRQ_TX_IDX_SHIFT)

    def _tell(self, event: int) -> None:
        self._events.append(event)
        if self._handler is not None and event & self._trigger:
            self._handler(self)
