"""The bus model: order, time, collisions, silence, overflow. Time jumps; nothing waits."""

from itertools import pairwise

import pytest

from carport.hub.bus import ERROR_BITS, RECOVERY_BITS, Bus
from carport.hub.frame import Frame, header_bits, wire_bits
from carport.hub.node import (
    Cancelled,
    Controller,
    Failed,
    Filter,
    Node,
    Received,
    State,
    Transmitted,
)

BIT_US = 2
EVERYTHING = [Filter(0, 0, False), Filter(0, 0, True)]


def standard(arbitration_id: int, data: bytes = b"") -> Frame:
    return Frame(arbitration_id, False, data)


def bus_of(*nodes: Node) -> Bus:
    bus = Bus(500_000)
    for node in nodes:
        bus.attach(node, 0)
    return bus


def controller(fifo_depth: int = 32, is_silent: bool = False) -> Controller:
    node = Controller(fifo_depth, is_silent)
    node.filters = EVERYTHING
    return node


def run(bus: Bus) -> None:
    """Jump from event to event until nothing more happens."""
    for _ in range(10_000):
        due_us = bus.next_timeout()
        if due_us is None:
            return
        bus.advance(due_us)
    raise AssertionError("the bus never falls idle")


def heard(node: Node) -> list[Frame]:
    return [each.frame for each in node.events if isinstance(each, Received)]


def test_a_frame_is_heard_by_the_others_when_its_bits_have_passed() -> None:
    sender, one, other = Node(), Node(), Node()
    bus = bus_of(sender, one, other)
    frame = standard(0x123, b"\x55" * 8)
    bus.transmit(sender, frame, 1000)
    end_us = 1000 + wire_bits(frame) * BIT_US
    bus.advance(end_us - 1)
    assert one.events == []
    bus.advance(end_us)
    assert one.events == other.events == [Received(frame, end_us)]
    assert sender.events == []
    assert (bus.frames, bus.errors, bus.next_timeout()) == (1, 0, None)


def test_frames_follow_each_other_without_a_gap() -> None:
    sender, receiver = Node(), Node()
    bus = bus_of(sender, receiver)
    frames = [standard(i, bytes(i % 9)) for i in range(100)]
    for frame in frames:
        bus.transmit(sender, frame, 0)
    run(bus)
    times = [0, *(each.time_us for each in receiver.events if isinstance(each, Received))]
    assert [b - a for a, b in pairwise(times)] == [BIT_US * wire_bits(each) for each in frames]


def test_a_long_jump_delivers_what_small_steps_deliver() -> None:
    def record(step_us: int) -> list[object]:
        sender, other, receiver = Node(), Node(), Node()
        bus = bus_of(sender, other, receiver)
        for i in range(50):
            bus.transmit(sender, standard(0x200 + i), 0)
            bus.transmit(other, standard(0x100 + i), 0)
        for now_us in range(0, 100_000 + step_us, step_us):
            bus.advance(now_us)
        return list(receiver.events)

    assert record(7) == record(100_000)


def test_the_lowest_id_of_those_that_wait_goes_first() -> None:
    nodes = [Node() for _ in range(5)]
    receiver = Node()
    bus = bus_of(*nodes, receiver)
    frames = [
        standard(0x300),
        standard(0x100),
        Frame(0x100 << 18, True, b""),
        standard(0x200),
        standard(0),
    ]
    for node, frame in zip(nodes, frames, strict=True):
        bus.transmit(node, frame, 0)
    run(bus)
    assert heard(receiver) == sorted(frames, key=lambda frame: frame.priority)
    assert [frame.arbitration_id for frame in heard(receiver)] == [
        0,
        0x100,
        0x100 << 18,
        0x200,
        0x300,
    ]


def test_a_frame_that_is_under_way_is_not_interrupted() -> None:
    slow, urgent, receiver = Node(), Node(), Node()
    bus = bus_of(slow, urgent, receiver)
    bus.transmit(slow, standard(0x700), 0)
    bus.transmit(urgent, standard(0x001), 10)
    run(bus)
    assert [frame.arbitration_id for frame in heard(receiver)] == [0x700, 0x001]


def test_an_ordinary_node_keeps_its_order_and_a_controller_its_priorities() -> None:
    ordinary, chip, receiver = Node(), controller(), Node()
    for node, expected in ((ordinary, [3, 1, 1, 2]), (chip, [1, 1, 2, 3])):
        bus = bus_of(node, receiver)
        for index, (arbitration_id, data) in enumerate([(3, b""), (1, b"a"), (1, b"b"), (2, b"")]):
            bus.transmit(node, standard(arbitration_id, data), 0, index)
        run(bus)
        assert [frame.arbitration_id for frame in heard(receiver)] == expected
        assert [frame.data for frame in heard(receiver) if frame.data] == [b"a", b"b"]
        receiver.events.clear()


def test_two_senders_of_one_id_collide_until_both_are_bus_off() -> None:
    one, other, receiver = controller(), controller(), Node()
    bus = bus_of(one, other, receiver)
    bus.transmit(one, standard(0x56E, b"\x01"), 0, 0)
    bus.transmit(other, standard(0x56E, b"\x02"), 0, 2)
    bus.advance(BIT_US)
    first_us = (header_bits(standard(0x56E)) + ERROR_BITS) * BIT_US
    assert bus.next_timeout() == first_us
    bus.advance(first_us)
    assert (one.tec, other.tec, receiver.rec, bus.errors) == (8, 8, 1, 1)
    run(bus)
    assert bus.errors == 32
    assert one.state == other.state == State.BUS_OFF
    assert one.events == [Failed(0)]
    assert other.events == [Failed(2)]
    assert heard(receiver) == []
    assert bus.frames == 0


def test_a_collision_that_ends_costs_both_and_success_pays_it_back() -> None:
    one, other, receiver = controller(), controller(), Node()
    bus = bus_of(one, other, receiver)
    bus.transmit(one, standard(0x56E, b"\x01"), 0, 0)
    bus.transmit(other, standard(0x56E, b"\x02"), 0, 0)
    now_us = 0
    while bus.errors < 6:
        now_us += 10
        bus.advance(now_us)
    assert one.tec == other.tec == 6 * 8
    bus.cancel(other, 0, now_us)
    run(bus)
    assert Cancelled(0) in other.events
    assert heard(receiver) == [standard(0x56E, b"\x01")]
    assert one.tec == 7 * 8 - 1  # the collision that was under way is the seventh


def test_warning_and_passive_come_on_the_way_to_bus_off() -> None:
    one, other = controller(), controller()
    bus = bus_of(one, other)
    states: dict[State, int] = {}
    bus.transmit(one, standard(1), 0, 0)
    bus.transmit(other, standard(1), 0, 0)
    while (due_us := bus.next_timeout()) is not None:
        bus.advance(due_us)
        states.setdefault(one.state, one.tec)
    assert states == {State.ACTIVE: 0, State.WARNING: 96, State.PASSIVE: 128, State.BUS_OFF: 256}


def test_nobody_acknowledges_and_the_sender_tries_for_ever_at_tec_128() -> None:
    sender = controller()
    bus = bus_of(sender, controller(is_silent=True))
    bus.transmit(sender, standard(0x123), 0, 0)
    bus.advance(1_000_000)
    assert (sender.tec, sender.state, bus.frames) == (128, State.PASSIVE, 0)
    assert bus.errors > 5000
    listener = Node()
    bus.attach(listener, 1_000_000)
    bus.advance(1_001_000)
    assert heard(listener) == [standard(0x123)]
    assert (sender.tec, sender.state) == (127, State.WARNING)


def test_a_silent_node_hears_and_never_sends() -> None:
    sender, silent, acknowledging = Node(), controller(is_silent=True), Node()
    bus = bus_of(sender, silent, acknowledging)
    bus.transmit(silent, standard(1), 0, 0)
    assert bus.next_timeout() is None
    bus.transmit(sender, standard(2), 0)
    run(bus)
    assert heard(silent) == heard(acknowledging) == [standard(2)]


def test_a_full_fifo_loses_frames_and_counts_them() -> None:
    sender, receiver = Node(), controller(fifo_depth=2)
    bus = bus_of(sender, receiver)
    for i in range(5):
        bus.transmit(sender, standard(i), 0)
    run(bus)
    assert [frame.arbitration_id for frame in heard(receiver)] == [0, 1]
    assert receiver.overruns == 3
    assert bus.frames == 5
    receiver.read(1)
    bus.transmit(sender, standard(5), 10_000)
    bus.transmit(sender, standard(6), 10_000)
    run(bus)
    assert [frame.arbitration_id for frame in heard(receiver)] == [0, 1, 5]
    assert receiver.overruns == 4
    with pytest.raises(ValueError, match="3 frames read, 2 in the FIFO"):
        receiver.read(3)


FRAMES = [standard(0x300), standard(0x3FF), standard(0x400), Frame(0x300, True, b"")]


@pytest.mark.parametrize(
    ("filters", "accepted"),
    [
        ([], []),
        ([Filter(0x300, 0x700, False)], FRAMES[:2]),
        ([Filter(0x300, 0x1FFF_FFFF, True)], FRAMES[3:]),
        ([Filter(0x400, 0x7FF, False), Filter(0x3FF, 0x7FF, False)], FRAMES[1:3]),
        (EVERYTHING, FRAMES),
    ],
)
def test_filters_refuse_before_the_fifo(filters: list[Filter], accepted: list[Frame]) -> None:
    sender, receiver = Node(), Controller(len(accepted) or 1)
    receiver.filters = filters
    bus = bus_of(sender, receiver)
    for frame in FRAMES:
        bus.transmit(sender, frame, 0)
    run(bus)
    assert heard(receiver) == accepted
    assert receiver.overruns == 0


@pytest.mark.parametrize("is_on_wire", [False, True])
def test_cancel_of_a_frame_that_can_still_be_stopped(is_on_wire: bool) -> None:
    chip, other = controller(), Node()
    bus = bus_of(chip) if is_on_wire else bus_of(chip, other)
    if not is_on_wire:
        bus.transmit(other, standard(0), 0)
    bus.transmit(chip, standard(1), 0, 2)
    bus.advance(20)
    bus.cancel(chip, 2, 20)
    run(bus)
    assert [each for each in chip.events if not isinstance(each, Received)] == [Cancelled(2)]
    assert heard(other) == []
    assert not chip.queue


def test_cancel_of_a_frame_that_is_on_the_wire_comes_too_late() -> None:
    chip, other = controller(), Node()
    bus = bus_of(chip, other)
    bus.transmit(chip, standard(1), 0, 2)
    bus.advance(20)
    bus.cancel(chip, 2, 20)
    run(bus)
    assert chip.events == [Transmitted(2, wire_bits(standard(1)) * BIT_US)]
    assert heard(other) == [standard(1)]
    bus.cancel(chip, 2, 10_000)
    assert len(chip.events) == 1


def test_bus_off_lasts_until_a_controller_is_restarted() -> None:
    chip, other, third = controller(), Node(), Node()
    bus = bus_of(chip, other, third)
    bus.force_bus_off(chip, 0)
    bus.transmit(other, standard(1), 0)
    run(bus)
    assert (chip.state, heard(chip)) == (State.BUS_OFF, [])
    bus.restart(chip, 1_000_000)
    back_us = 1_000_000 + RECOVERY_BITS * BIT_US
    assert bus.next_timeout() is not None
    bus.advance(back_us - 1)
    assert chip.state == State.BUS_OFF
    bus.advance(back_us)
    assert (chip.state, chip.tec) == (State.ACTIVE, 0)
    bus.transmit(other, standard(2), back_us)
    run(bus)
    assert heard(chip) == [standard(2)]


def test_an_ordinary_node_recovers_by_itself_and_its_queue_is_gone() -> None:
    one, other, listener = Node(), Node(), Node()
    bus = bus_of(one, other, listener)
    for node in (one, other):
        bus.transmit(node, standard(1), 0)
        bus.transmit(node, standard(2), 0)
    run(bus)
    assert heard(listener) == []
    assert one.state == other.state == State.ACTIVE
    bus.transmit(one, standard(3), 1_000_000)
    run(bus)
    assert heard(listener) == [standard(3)]


def test_restart_forgets_what_is_pending_without_a_word() -> None:
    chip, other = controller(), Node()
    bus = bus_of(chip, other)
    bus.transmit(chip, standard(1), 0, 0)
    bus.transmit(chip, standard(2), 0, 1)
    run(bus)
    bus.transmit(chip, standard(3), 10_000, 0)
    bus.restart(chip, 10_001)
    run(bus)
    assert chip.events == []
    assert heard(other) == [standard(1), standard(2)]


def test_a_node_that_leaves_in_the_middle_of_its_frame_breaks_it() -> None:
    sender, receiver, third = Node(), Node(), Node()
    bus = bus_of(sender, receiver, third)
    bus.transmit(sender, standard(1), 0)
    bus.advance(20)
    bus.detach(sender, 20)
    run(bus)
    assert (heard(receiver), receiver.rec, bus.errors, bus.frames) == ([], 1, 1, 0)


def test_load_is_of_the_last_second() -> None:
    sender, receiver = Node(), Node()
    bus = bus_of(sender, receiver)
    frame = standard(0x123, b"\x55" * 8)
    for i in range(1000):
        bus.transmit(sender, frame, i * 1000)
    bus.advance(1_000_000)
    assert bus.load_percent(1_000_000) == pytest.approx(wire_bits(frame) * BIT_US / 10)
    assert bus.load_percent(1_500_000) == pytest.approx(wire_bits(frame) * BIT_US / 20)
    assert bus.load_percent(3_000_000) == 0
