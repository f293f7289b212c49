"""What becomes of frames between the core and a controller of machine.CAN's shape."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.can_bus import CanBus
from firmware.ports.unix.can import CAN

FILTERS = [(0x100, 0x7FF, 0), (0x110, 0x7FF, 0)]


class Controller:
    """A controller with two transmit buffers; the test is its wire.

    Unlike a real one it interrupts only when told to.
    """

    STATE_ACTIVE = CAN.STATE_ACTIVE
    STATE_BUS_OFF = CAN.STATE_BUS_OFF
    IRQ_TX = CAN.IRQ_TX
    IRQ_RX = CAN.IRQ_RX
    IRQ_TX_FAILED = CAN.IRQ_TX_FAILED
    IRQ_STATE = CAN.IRQ_STATE
    IRQ_TX_IDX_SHIFT = CAN.IRQ_TX_IDX_SHIFT
    IRQ_TX_IDX_MASK = CAN.IRQ_TX_IDX_MASK
    TX_QUEUE_LEN = 2
    FILTERS_MAX = 4
    stream = "stream"

    def __init__(self) -> None:
        self.received: list[list[object]] = []
        self.buffers: list[tuple[int, bytes, int] | None] = [None, None]
        self.cancelled: list[int] = []
        self.restarts = 0
        self.current_state = self.STATE_ACTIVE
        self.filters: object = "none were set"
        self._events: list[int] = []

    def irq(
        self, handler: "Callable[[Controller], object] | None" = None, trigger: int = 0
    ) -> "Controller":
        if handler is not None:
            self._handler = handler
            self.trigger = trigger
        return self

    def flags(self) -> int:
        return self._events.pop(0) if self._events else 0

    def interrupt(self, *events: int) -> None:
        self._events += events
        self._handler(self)

    def finish(self, index: int, is_sent: bool) -> None:
        """Empty a transmit buffer, and interrupt."""
        self.buffers[index] = None
        failed = 0 if is_sent else self.IRQ_TX_FAILED
        self.interrupt(self.IRQ_TX | failed | index << self.IRQ_TX_IDX_SHIFT)

    def enter(self, state: int) -> None:
        """Change the state; only a worse one interrupts."""
        is_worse = state > self.current_state
        self.current_state = state
        if is_worse:
            self.interrupt(self.IRQ_STATE)

    def set_filters(self, filters: object) -> None:
        self.filters = filters

    def recv(self, message: list[object]) -> list[object] | None:
        if not self.received:
            return None
        message[:] = self.received.pop(0)
        return message

    def send(self, arbitration_id: int, data: bytes, flags: int) -> int | None:
        if self.current_state == self.STATE_BUS_OFF:
            raise OSError(5)
        for index, content in enumerate(self.buffers):
            if content is None:
                self.buffers[index] = (arbitration_id, data, flags)
                return index
        return None

    def cancel_send(self, index: int) -> bool:
        self.cancelled.append(index)
        return True

    def state(self) -> int:
        return self.current_state

    def restart(self) -> None:
        self.restarts += 1
        self.buffers = [None, None]


class Frame:
    """A transmission of the core's."""

    def __init__(self, arbitration_id: int) -> None:
        self.arbitration_id = arbitration_id
        self.data = b"\x01"
        self.flags = 0

    def __repr__(self) -> str:
        return f"{self.arbitration_id:x}"


class Core:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def receive_frame(self, bus: int, frame: list[object], now_ms: int) -> None:
        self.told.append(("received", bus, frame[0], now_ms))

    def frame_sent(self, frame: Frame, now_ms: int) -> None:
        self.told.append(("sent", frame.arbitration_id, now_ms))

    def frame_failed(self, frame: Frame, now_ms: int) -> None:
        self.told.append(("failed", frame.arbitration_id, now_ms))

    def bus_state(self, bus: int, state: int, now_ms: int) -> None:
        self.told.append(("state", bus, state, now_ms))


class Wakeup:
    """A board's flag for the runner's poll."""

    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def clear(self) -> None:
        self.is_set = False


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def bus(core: Core, controller: Controller) -> CanBus:
    return CanBus(core, 1, controller, None, FILTERS)  # type: ignore[arg-type]


def send(bus: CanBus, frame: Frame, now_ms: int) -> None:
    bus.send(frame, now_ms)  # type: ignore[arg-type]


def test_the_controller_gets_the_filters_if_it_has_room(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    assert controller.filters == FILTERS
    CanBus(core, 0, controller, None, FILTERS * 3)  # type: ignore[arg-type]
    assert controller.filters is None


def test_every_received_frame_is_passed_on(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    controller.received = [[0x100, b"", 0, 0], [0x110, b"", 0, 0]]
    bus.handle(7)
    assert core.told == [("received", 1, 0x100, 7), ("received", 1, 0x110, 7)]


def test_the_core_hears_which_of_its_frames_was_sent_and_which_failed(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    send(bus, Frame(0x10), 0)
    send(bus, Frame(0x20), 0)
    assert controller.buffers == [(0x10, b"\x01", 0), (0x20, b"\x01", 0)]
    controller.finish(1, is_sent=True)
    controller.finish(0, is_sent=False)
    assert core.told == []  # an interrupt handler does not call the core
    bus.handle(5)
    assert core.told == [("failed", 0x10, 5), ("sent", 0x20, 5)]


def test_a_frame_that_finds_no_free_buffer_has_failed(bus: CanBus, core: Core) -> None:
    for arbitration_id in (1, 2, 3):
        send(bus, Frame(arbitration_id), 4)
    assert core.told == [("failed", 3, 4)]


def test_a_buffer_that_is_used_again_tells_of_its_last_frame_first(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    send(bus, Frame(0x10), 0)
    controller.finish(0, is_sent=True)
    send(bus, Frame(0x20), 1)
    assert core.told == [("sent", 0x10, 1)]
    controller.finish(0, is_sent=False)
    bus.handle(2)
    assert core.told[1:] == [("failed", 0x20, 2)]


def test_a_frame_is_cancelled_in_its_own_buffer_and_fails_when_the_controller_says_so(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    first, second = Frame(0x10), Frame(0x20)
    send(bus, first, 0)
    send(bus, second, 0)
    bus.cancel(second)  # type: ignore[arg-type]
    assert controller.cancelled == [1]
    assert core.told == []
    controller.finish(1, is_sent=False)
    bus.handle(1)
    bus.cancel(second)  # type: ignore[arg-type]
    assert core.told == [("failed", 0x20, 1)]
    assert controller.cancelled == [1]


def test_bus_off_fails_what_is_pending_and_the_controller_is_restarted(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    bus.start(0)
    send(bus, Frame(0x10), 0)
    controller.enter(controller.STATE_BUS_OFF)
    bus.handle(50)
    send(bus, Frame(0x20), 60)
    assert core.told == [
        ("state", 1, CAN.STATE_ACTIVE, 0),
        ("failed", 0x10, 50),
        ("state", 1, CAN.STATE_BUS_OFF, 50),
        ("failed", 0x20, 60),
    ]
    due_ms = bus.next_timeout()
    assert due_ms is not None
    bus.handle_timer(due_ms - 1)
    assert controller.restarts == 0
    bus.handle_timer(due_ms)
    assert controller.restarts == 1
    assert bus.next_timeout() is None
    controller.enter(controller.STATE_ACTIVE)  # without an interrupt
    bus.handle(due_ms + 3)
    assert core.told[-1] == ("state", 1, CAN.STATE_ACTIVE, due_ms + 3)


def test_restarts_become_slow_while_the_bus_stays_broken(
    controller: Controller, bus: CanBus
) -> None:
    waits_ms = []
    now_ms = 0
    for _ in range(8):
        controller.enter(controller.STATE_BUS_OFF)
        bus.handle(now_ms)
        due_ms = bus.next_timeout()
        assert due_ms is not None
        waits_ms.append(due_ms - now_ms)
        now_ms = due_ms
        controller.current_state = CAN.STATE_PASSIVE
        bus.handle_timer(now_ms)
    assert waits_ms == [100] * 5 + [1000] * 3
    controller.enter(controller.STATE_ACTIVE)
    bus.handle(now_ms)
    controller.enter(controller.STATE_BUS_OFF)
    bus.handle(now_ms)
    assert bus.next_timeout() == now_ms + 100


def test_on_a_board_each_interrupt_wakes_the_runner(controller: Controller, core: Core) -> None:
    wakeup = Wakeup()
    bus = CanBus(core, 0, controller, wakeup, FILTERS)  # type: ignore[arg-type]
    assert bus.stream is wakeup
    assert controller.trigger & controller.IRQ_RX
    for event in (controller.IRQ_RX, controller.IRQ_TX, controller.IRQ_STATE):
        controller.interrupt(event)
        assert wakeup.is_set
        bus.handle(0)
        assert not wakeup.is_set
