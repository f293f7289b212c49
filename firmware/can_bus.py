"""One CAN controller and the core: received frames in, transmissions out, and what became of them.

The controller has machine.CAN's shape. Its interrupt handler only takes notes; `handle` and `send`
act on them.

A controller begins silent: it listens, and gives not even an acknowledge, until `set_armed`.

One that went bus-off is restarted, and looked at again after as long:

    100 ms after it, five times; then after 1 s each time; from the start again once it has kept on
    the bus for 10 s

One that takes no frame back is started afresh when one is to be taken back.
"""

from gateway.const import const
from gateway.vehicle.command import Transmission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.ports.esp32.wakeup import Wakeup
    from firmware.ports.unix.can import CAN
    from gateway.can.router import RoutedFrame
    from gateway.core import Gateway

_SENT = const(1)
_FAILED = const(2)
_FAST_RESTARTS = const(5)
_FAST_RESTART_MS = const(100)
_SLOW_RESTART_MS = const(1000)
_QUIET_MS = const(10_000)

# Where get_counters puts them.
_TEC = const(0)
_REC = const(1)
_TX_PENDING = const(5)
_OVERRUNS = const(7)

_MAX_FRAMES = const(64)  # at least what a controller's FIFO holds
_LOAD_MS = const(1000)
_FRAME_BITS = const(47)  # of a frame without data, with the intermission, before stuffing


class CanBus:
    """The core's bus of this index, on a controller that is started, in its silent mode.

    wakeup: what the interrupts set to wake the runner; None for a controller whose own `stream`
    does that. filters: what to receive, as set_filters takes it; everything, if the controller has
    no room for so many.
    """

    def __init__(
        self,
        gateway: "Gateway",
        bus: int,
        can: "CAN",
        bitrate: int,
        wakeup: "Wakeup | None",
        filters: "list[tuple[int, int, int]]",
    ) -> None:
        self.stream: Any = can.stream if wakeup is None else wakeup
        self.garbage_kib = 1 if wakeup is None else 0  # of a frame: the emulated bus speaks text
        self._wakeup = wakeup
        self._gateway = gateway
        self._bus = bus
        self._can = can
        self._bitrate = bitrate
        self._filters = filters if len(filters) <= can.FILTERS_MAX else None
        self._message: list[Any] = [0, memoryview(bytearray(8)), 0, 0]
        self._in_flight: list[Transmission | RoutedFrame | None] = [None] * can.TX_QUEUE_LEN
        self.waits_until_ms = 0  # the latest deadline of the frames that it has
        self._outcomes = bytearray(can.TX_QUEUE_LEN)
        self._is_noted = self._has_more = False
        self._state = can.STATE_ACTIVE
        self._restarts = 0
        self._restarted_ms = 0
        self._restart_ms: int | None = None
        self._bus_offs = 0
        self._counters = [0] * 8
        self._broken = 0
        self._past_overruns = 0  # those that the controller has forgotten when it was restarted
        self._load_since_ms = 0
        self._frames = self._bits = 0  # since then
        self._frames_per_second = self._load_percent = 0
        self.heard_ms = 0  # when a frame was last received
        self._configure()
        gateway.attach(bus, self.describe)

    def start(self, now_ms: int) -> None:
        """Tell the core that the controller is on the bus."""
        self._load_since_ms = now_ms
        self._gateway.bus_state(self._bus, self._state, now_ms)

    def set_armed(self, is_armed: bool, now_ms: int) -> None:
        """Start the controller afresh, as a node of the bus or as a silent listener.

        What it was given and has not sent by now is never sent.
        """
        self._read_counters()
        self._can.deinit()
        self.wake(is_armed, now_ms)

    def wake(self, is_armed: bool, now_ms: int) -> None:
        """Start the controller that was taken off the bus, as `set_armed` does."""
        can = self._can
        self._in_flight = [None] * can.TX_QUEUE_LEN
        self.waits_until_ms = 0
        self._outcomes = bytearray(can.TX_QUEUE_LEN)
        self._restart_ms = None
        mode = can.MODE_NORMAL if is_armed else can.MODE_SILENT
        can.init(self._bitrate, mode)
        self._configure()
        self._read_counters()
        self._report(now_ms)

    def sleep(self) -> bool:
        """Leave the bus, for the controller's own sleep where it has one; tell whether it did.

        The bus may wake it in that moment; `wake` is the way back.
        """
        can = self._can
        self._read_counters()
        can.deinit()
        try:
            can.init(self._bitrate, can.MODE_SLEEP)
        except ValueError:  # it has no such mode, and stays off the bus
            pass
        except OSError:
            return False
        return True

    def describe(self, now_ms: int) -> "dict[str, int]":
        """Return what `carport.cddl` says of a controller, in numbers."""
        self._measure_load(now_ms)
        self._read_counters()
        counters = self._counters
        described = {
            "tec": counters[_TEC],
            "rec": counters[_REC],
            "overruns": self._past_overruns + counters[_OVERRUNS],
            "bus_offs": self._bus_offs,
            "tx_pending": counters[_TX_PENDING],
            "frames_per_second": self._frames_per_second,
            "load_percent": self._load_percent,
        }
        take_broken = getattr(self._can, "take_broken", None)
        if take_broken is not None:  # machine.CAN cannot tell
            self._broken += take_broken()
            described["broken"] = self._broken
            self._has_more = True  # frames may have come before its answer
        return described

    def handle(self, now_ms: int) -> None:
        """Pass on what the controller has, but not so much that a flood would starve the rest."""
        if self._wakeup is not None:
            self._wakeup.clear()
        self._receive(now_ms)
        if self._is_noted or self._state != self._can.STATE_ACTIVE:
            if self._has_more:  # what was received before our frame was sent is older than it
                self._receive(now_ms)
            self._report(now_ms)

    def send(self, transmission: "Transmission | RoutedFrame", now_ms: int) -> None:
        """Give a frame to the controller; the core hears what becomes of it."""
        if self._is_noted or self._state != self._can.STATE_ACTIVE:
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
        if isinstance(transmission, Transmission):
            self.waits_until_ms = max(self.waits_until_ms, transmission.deadline_ms)

    def cancel(self, transmission: "Transmission | RoutedFrame") -> None:
        """Take a frame back, unless it is on the wire already."""
        for index, other in enumerate(self._in_flight):
            if other is not transmission:
                continue
            if not self._can.cancel_send(index) and not self._outcomes[index]:
                self._forget()

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` wants to be called."""
        return 0 if self._has_more else self._restart_ms

    def handle_timer(self, now_ms: int) -> None:
        """Go on receiving; restart the controller if it is time, unless it is back on the bus."""
        if self._has_more:
            self.handle(now_ms)
        if self._restart_ms is None or now_ms < self._restart_ms:
            return
        self._restart_ms = None
        self._report(now_ms)
        if self._state == self._can.STATE_BUS_OFF:
            self._restarts += 1
            self._restarted_ms = now_ms
            try:
                self._read_counters()
                self._can.restart()
                self._read_counters()
            except OSError:  # the chip does not answer: try again as if it were still off the bus
                pass
            self._plan_restart(now_ms)

    def _receive(self, now_ms: int) -> None:
        recv = self._can.recv
        receive_frame = self._gateway.receive_frame
        bus = self._bus
        message = self._message
        frames = bits = 0
        while frames < _MAX_FRAMES and recv(message) is not None:
            frames += 1
            bits += (len(message[1]) << 3) + 10 * (message[2] & 2)  # 20 more for a long id
            receive_frame(bus, message, now_ms)
        if frames:
            self.heard_ms = now_ms
        self._has_more = frames == _MAX_FRAMES
        self._frames += frames
        self._bits += bits + _FRAME_BITS * frames
        self._measure_load(now_ms)

    def _forget(self) -> None:
        """Start a controller afresh that takes no frame back, as an ESP32's own does not.

        All that it had has failed then: better not sent than sent late.
        """
        can = self._can
        self._read_counters()
        can.deinit()
        can.init(self._bitrate, can.MODE_NORMAL)
        self._configure()
        self._read_counters()
        for index, transmission in enumerate(self._in_flight):
            if transmission is not None and not self._outcomes[index]:
                self._outcomes[index] = _FAILED
        self._is_noted = True
        if self._wakeup is not None:
            self._wakeup.set()

    def _plan_restart(self, now_ms: int) -> None:
        is_fast = self._restarts < _FAST_RESTARTS
        self._restart_ms = now_ms + (_FAST_RESTART_MS if is_fast else _SLOW_RESTART_MS)

    def _configure(self) -> None:
        """Tell a controller that has just been started what to receive and to report."""
        can = self._can
        can.irq(
            self._interrupt,
            can.IRQ_TX | can.IRQ_STATE | (0 if self._wakeup is None else can.IRQ_RX),
        )
        can.set_filters(self._filters)

    def _read_counters(self) -> None:
        """Read the controller's counters; call it before and after what makes it forget them."""
        overruns = self._counters[_OVERRUNS]
        self._can.get_counters(self._counters)
        if self._counters[_OVERRUNS] < overruns:
            self._past_overruns += overruns

    def _measure_load(self, now_ms: int) -> None:
        """Work out what was received each second, if the last time is a second ago."""
        elapsed_ms = now_ms - self._load_since_ms
        if elapsed_ms >= _LOAD_MS:
            busy_ms = self._bits // (self._bitrate // 1000)
            self._load_percent = 100 * busy_ms // elapsed_ms
            self._frames_per_second = 1000 * self._frames // elapsed_ms
            self._frames = self._bits = 0
            self._load_since_ms = now_ms

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
        if state != self._can.STATE_BUS_OFF:
            self._restart_ms = None
        else:
            self._bus_offs += 1
            for index in range(len(self._in_flight)):
                self._finish(index, False, now_ms)
            if now_ms - self._restarted_ms >= _QUIET_MS:
                self._restarts = 0
            self._plan_restart(now_ms)
        self._gateway.bus_state(self._bus, state, now_ms)

    def _finish(self, index: int, is_sent: bool, now_ms: int) -> None:
        transmission = self._in_flight[index]
        self._in_flight[index] = None
        if transmission is None:
            return
        if self._in_flight.count(None) == len(self._in_flight):
            self.waits_until_ms = 0
        if is_sent:
            self._gateway.frame_sent(transmission, now_ms)
        else:
            self._gateway.frame_failed(transmission, now_ms)
