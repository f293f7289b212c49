"""What becomes of frames between the core and a controller of machine.CAN's shape."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.can_bus import CanBus
from firmware.ports.unix.can import CAN

FILTERS = [(0x100, 0x7FF, 0), (0x110, 0x7FF, 0)]


class Controller:
    """A controller with two transmit buffers, started in its silent mode; the test is its wire.

    Unlike a real one it interrupts only when told to.
    """

    MODE_NORMAL = CAN.MODE_NORMAL
    MODE_SILENT = CAN.MODE_SILENT
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
        self.trigger = 0
        self.inits: list[object] = []
        self.counters = [0] * 8
        self._events: list[int] = []

    def deinit(self) -> None:
        self.inits.append("off")
        self.buffers = [None, None]
        self.filters = None
        self.trigger = 0
        self._events.clear()

    def init(self, bitrate: int, mode: int) -> None:
        self.inits.append((bitrate, mode))
        self.counters = [0] * 8
        self.current_state = self.STATE_ACTIVE

    def get_counters(self, counters: list[int]) -> list[int]:
        counters[:] = self.counters
        return counters

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
        self.counters = [0] * 8


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

    def attach(self, bus: int, describe: "Callable[[int], dict[str, int]]") -> None:
        self.describe = describe

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


def make_bus(
    core: Core,
    controller: Controller,
    wakeup: Wakeup | None = None,
    filters: list[tuple[int, int, int]] = FILTERS,
) -> CanBus:
    return CanBus(core, 1, controller, 500_000, wakeup, filters)  # type: ignore[arg-type]


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def bus(core: Core, controller: Controller) -> CanBus:
    return make_bus(core, controller)


def send(bus: CanBus, frame: Frame, now_ms: int) -> None:
    bus.send(frame, now_ms)  # type: ignore[arg-type]


def test_the_controller_gets_the_filters_if_it_has_room(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    assert controller.filters == FILTERS
    make_bus(core, controller, filters=FILTERS * 3)
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
    controller.enter(controller.STATE_ACTIVE)  # without an interrupt
    bus.handle(due_ms + 3)
    assert core.told[-1] == ("state", 1, CAN.STATE_ACTIVE, due_ms + 3)
    assert bus.next_timeout() is None


def test_a_controller_that_came_back_unheard_is_noticed_by_the_timer_and_by_the_next_frame(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    def go_bus_off_and_restart(now_ms: int) -> int:
        controller.enter(controller.STATE_BUS_OFF)
        bus.handle(now_ms)
        for _ in range(2):  # the first is not enough
            due_ms = bus.next_timeout()
            assert due_ms is not None
            bus.handle_timer(due_ms)
        controller.enter(controller.STATE_ACTIVE)
        due_ms = bus.next_timeout()
        assert due_ms is not None
        return due_ms

    due_ms = go_bus_off_and_restart(0)
    bus.handle_timer(due_ms)
    assert core.told[-1] == ("state", 1, CAN.STATE_ACTIVE, due_ms)
    assert (controller.restarts, bus.next_timeout()) == (2, None)

    go_bus_off_and_restart(20_000)
    send(bus, Frame(0x10), 20_500)
    assert core.told[-1] == ("state", 1, CAN.STATE_ACTIVE, 20_500)
    controller.enter(controller.STATE_BUS_OFF)
    bus.handle(20_600)
    assert core.told[-2:] == [("failed", 0x10, 20_600), ("state", 1, CAN.STATE_BUS_OFF, 20_600)]


def test_restarts_become_slow_while_the_bus_stays_broken(
    controller: Controller, bus: CanBus
) -> None:
    def restarts(now_ms: int) -> list[int]:
        """Go bus-off as soon as it is back, 8 times; return how long it was off each time."""
        waits_ms = []
        for _ in range(8):
            controller.enter(controller.STATE_BUS_OFF)
            bus.handle(now_ms)
            due_ms = bus.next_timeout()
            assert due_ms is not None
            waits_ms.append(due_ms - now_ms)
            bus.handle_timer(due_ms)
            controller.enter(controller.STATE_ACTIVE)
            now_ms = due_ms + 3
            bus.handle(now_ms)
        return waits_ms

    assert restarts(20_000) == [100] * 5 + [1000] * 3
    assert restarts(33_000) == [1000] * 8  # 9.5 s on the bus are not enough
    assert restarts(60_000) == [100] * 5 + [1000] * 3


def test_it_is_armed_and_disarmed_by_a_fresh_start_in_the_other_mode(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    trigger = controller.trigger
    assert controller.inits == []  # whoever made it has started it, in its silent mode
    for is_armed, mode in ((True, CAN.MODE_NORMAL), (False, CAN.MODE_SILENT)):
        controller.inits.clear()
        bus.set_armed(is_armed, 0)
        assert controller.inits == ["off", (500_000, mode)]
        assert (controller.filters, controller.trigger) == (FILTERS, trigger)


def test_what_was_pending_when_it_is_disarmed_is_forgotten(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    send(bus, Frame(0x10), 0)
    controller.finish(0, is_sent=True)
    send(bus, Frame(0x20), 0)
    bus.set_armed(False, 5)
    told = list(core.told)
    assert controller.buffers == [None, None]
    bus.set_armed(True, 6)
    send(bus, Frame(0x30), 6)
    controller.finish(0, is_sent=True)
    bus.handle(7)
    assert core.told == [*told, ("sent", 0x30, 7)]


def test_arming_ends_a_bus_off(controller: Controller, bus: CanBus, core: Core) -> None:
    controller.enter(controller.STATE_BUS_OFF)
    bus.handle(50)
    bus.set_armed(False, 60)
    assert core.told[-1] == ("state", 1, CAN.STATE_ACTIVE, 60)
    assert bus.next_timeout() is None


def test_it_tells_errors_and_what_was_lost_over_restarts(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    controller.counters = [1, 2, 3, 4, 5, 1, 6, 7]
    told = core.describe(0)
    assert (told["tec"], told["rec"], told["tx_pending"], told["overruns"]) == (1, 2, 1, 7)
    controller.counters[7] = 9
    controller.enter(controller.STATE_BUS_OFF)
    bus.handle(0)
    bus.handle_timer(100)
    assert controller.counters[7] == 0
    controller.counters[7] = 20
    told = core.describe(100)
    assert (told["overruns"], told["bus_offs"]) == (29, 1)
    bus.set_armed(True, 200)
    assert core.describe(200)["overruns"] == 29


def test_it_counts_broken_frames_where_the_controller_can_tell(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    assert "broken" not in core.describe(0)
    broken = [0, 2, 1]
    controller.take_broken = lambda: broken.pop(0)  # type: ignore[attr-defined]
    assert [core.describe(0)["broken"] for _ in range(3)] == [0, 2, 3]


def test_frames_that_came_before_a_counts_answer_are_looked_for(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    """A controller at the end of a stream has taken them in by then, and nothing wakes us."""
    controller.take_broken = lambda: 0  # type: ignore[attr-defined]
    assert bus.next_timeout() is None
    core.describe(0)
    assert bus.next_timeout() == 0
    bus.handle_timer(0)
    assert bus.next_timeout() is None


def test_it_tells_what_was_received_in_the_last_second_or_since(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    bus.start(5000)
    standard = [0x100, bytes(8), 0, 0]  # 111 bits, and 131 with an id of 29
    extended = [0x100, bytes(8), CAN.FLAG_EXT_ID, 0]
    for now_ms in range(5000, 6000, 10):
        controller.received = [list(standard) for _ in range(10)] + [list(extended)]
        bus.handle(now_ms)
    told = core.describe(6000)
    assert told["frames_per_second"] == 1100
    assert told["load_percent"] == (100 * (1000 * 111 + 100 * 131)) // 500_000
    told = core.describe(6500)
    assert told["frames_per_second"] == 1100
    told = core.describe(7000)
    assert (told["frames_per_second"], told["load_percent"]) == (0, 0)


def test_a_flood_does_not_keep_the_runner_from_the_rest(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    controller.received = [[0x100, b"", 0, 0] for _ in range(150)]
    bus.handle(1)
    assert len(core.told) == 64
    turns = 0
    while bus.next_timeout() == 0:
        bus.handle_timer(1)
        turns += 1
    assert (turns, len(core.told)) == (2, 150)
    assert bus.next_timeout() is None


def test_what_was_received_before_our_frame_was_sent_is_passed_on_before_it_in_a_flood_too(
    controller: Controller, bus: CanBus, core: Core
) -> None:
    send(bus, Frame(0x10), 0)
    controller.received = [[0x100, b"", 0, 0] for _ in range(100)]
    controller.finish(0, is_sent=True)
    bus.handle(1)
    assert len(core.told) == 101
    assert core.told[-1] == ("sent", 0x10, 1)


def test_on_a_board_each_interrupt_wakes_the_runner(controller: Controller, core: Core) -> None:
    wakeup = Wakeup()
    bus = make_bus(core, controller, wakeup)
    assert bus.stream is wakeup
    assert controller.trigger & controller.IRQ_RX
    for event in (controller.IRQ_RX, controller.IRQ_TX, controller.IRQ_STATE):
        controller.interrupt(event)
        assert wakeup.is_set
        bus.handle(0)
        assert not wakeup.is_set
