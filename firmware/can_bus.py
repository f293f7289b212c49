"""One CAN controller and the core: received frames in, transmissions out, and what became of them.

The controller has machine.CAN's shape. Its interrupt handler only takes notes; `handle` and `send`
act on them.

A controller that went bus-off is restarted: soon at first, then each second.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.ports.esp32.wakeup import Wakeup
    from firmware.ports.unix.can import CAN
    from gateway.core import Gateway
    from gateway.vehicle.commands import Transmission

_SENT = const(1)
_FAILED = const(2)
_FAST_RESTARTS = const(5)
_FAST_RESTART_MS = const(100)
_SLOW_RESTART_MS = const(1000)


class CanBus:
    """The core's bus of this index, on a controller.

    wakeup: what the interrupts set to wake the runner; None for a controller whose own `stream`
    does that. filters: what to receive, as set_filters takes it; everything, if the controller has
    no room for so many.
    """

    def __init__(
        self,
        gateway: "Gateway",
        bus: int,
        can: "CAN",
        wakeup: "Wakeup | None",
        filters: "list[tuple[int, int, int]]",
    ) -> None:
        self.stream: Any = can.stream if wakeup is None else wakeup
        self._wakeup = wakeup
        self._gateway = gateway
        self._bus = bus
        self._can = can
        self._message: list[Any] = [0, memoryview(bytearray(8)), 0, 0]
        self._in_flight: list[Transmission | None] = [None] * can.TX_QUEUE_LEN
        self._outcomes = bytearray(can.TX_QUEUE_LEN)
        self._is_noted = False
        self._state = can.STATE_ACTIVE
        self._restarts = 0
        self._restart_ms: int | None = None
        can.irq(self._interrupt, can.IRQ_TX | can.IRQ_STATE | (can.IRQ_RX if wakeup else 0))
        can.set_filters(filters if len(filters) <= can.FILTERS_MAX else None)

    def start(self, now_ms: int) -> None:
        """Tell the core that the controller is on the bus."""
        self._gateway.bus_state(self._bus, self._state, now_ms)

    def handle(self, now_ms: int) -> None:
        """Pass on everything the controller has."""
        if self._wakeup is not None:
            self._wakeup.clear()
        recv = self._can.recv
        receive_frame = self._gateway.receive_frame
        bus = self._bus
        message = self._message
        while recv(message) is not None:
            receive_frame(bus, message, now_ms)
        if self._is_noted or self._state != self._can.STATE_ACTIVE:
            self._report(now_ms)

    def send(self, transmission: "Transmission", now_ms: int) -> None:
        """Give a frame to the controller; the core hears what becomes of it."""
        if self._is_noted:
            self.handle(now_ms)  # what was received before our last frame is older than it
        try:
            index = self._can.send(
                transmission.arbitration_id, transmission.data, transmission.flags
            )
        except OSError:  # bus-off
            index = None
        if index is None:
            self._gateway.frame_failed(transmission, now_ms)
            return
        self._in_flight[index] = transmission

    def cancel(self, transmission: "Transmission") -> None:
        """Take a frame back, unless it is on the wire already."""
        for index, other in enumerate(self._in_flight):
            if other is transmission:
                self._can.cancel_send(index)

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` wants to be called."""
        return self._restart_ms

    def handle_timer(self, now_ms: int) -> None:
        """Restart the controller if it is time."""
        if self._restart_ms is not None and now_ms >= self._restart_ms:
            self._restart_ms = None
            self._restarts += 1
            self._can.restart()
            self._report(now_ms)

    def _interrupt(self, can: "CAN") -> None:
        while True:
            flags = can.irq().flags()
            if not flags:
                return
            if flags & can.IRQ_TX:
                index = flags >> can.IRQ_TX_IDX_SHIFT & can.IRQ_TX_IDX_MASK
                self._outcomes[index] = _FAILED if flags & can.IRQ_TX_FAILED else _SENT
            if flags & (can.IRQ_TX | can.IRQ_STATE):
                self._is_noted = True
            if self._wakeup is not None:
                self._wakeup.set()

    def _report(self, now_ms: int) -> None:
        """Tell the core what became of its frames, and the controller's state if it is new."""
        self._is_noted = False
        for index, outcome in enumerate(self._outcomes):
            if outcome:
                self._outcomes[index] = 0
                self._finish(index, outcome == _SENT, now_ms)
        state = self._can.state()
        if state == self._state:
            return
        self._state = state
        if state == self._can.STATE_BUS_OFF:
            for index in range(len(self._in_flight)):
                self._finish(index, False, now_ms)
            is_fast = self._restarts < _FAST_RESTARTS
            self._restart_ms = now_ms + (_FAST_RESTART_MS if is_fast else _SLOW_RESTART_MS)
        elif state == self._can.STATE_ACTIVE:
            self._restarts = 0
        self._gateway.bus_state(self._bus, state, now_ms)

    def _finish(self, index: int, is_sent: bool, now_ms: int) -> None:
        transmission = self._in_flight[index]
        self._in_flight[index] = None
        if transmission is None:
            return
        if is_sent:
            self._gateway.frame_sent(transmission, now_ms)
        else:
            self._gateway.frame_failed(transmission, now_ms)
