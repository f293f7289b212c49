"""The MCP2515 driver receives: what it costs on SPI, in which order, and what is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.drivers.mcp2515 import MCP2515
from firmware.drivers.mcp2515_registers import CNF3
from tests.mcp2515_rig import Rig

WAKFIL = 0x40

READ_FLAGS = "032c0000"
READ_RX0 = "90" + 13 * "00"
READ_RX1 = "94" + 13 * "00"


def frame(number: int, arbitration_id: int = 0x123) -> tuple[int, bool, bool, bytes]:
    return arbitration_id, False, False, number.to_bytes(8)


def taken(can: MCP2515) -> list[int]:
    """Return the numbers of the frames that there are."""
    numbers = []
    while (received := can.recv()) is not None:
        data = received[1]
        assert isinstance(data, memoryview)
        numbers.append(int.from_bytes(data))
    return numbers


def hexes(rig: Rig) -> list[str]:
    return [transfer.hex() for transfer in rig.transfers()]


@pytest.mark.parametrize(
    ("sent", "flags", "data"),
    [
        ((0x123, False, False, b""), 0, b""),
        ((0x7FF, False, False, b"12345678"), 0, b"12345678"),
        ((0, True, False, b"1"), MCP2515.FLAG_EXT_ID, b"1"),
        ((0x1ABCDEF1, True, False, b"12"), MCP2515.FLAG_EXT_ID, b"12"),
        ((0x555, False, True, bytes(8)), MCP2515.FLAG_RTR, bytes(8)),
        ((0x18DAF110, True, True, b"\0\0"), MCP2515.FLAG_RTR | MCP2515.FLAG_EXT_ID, b"\0\0"),
    ],
)
@pytest.mark.parametrize("has_interrupt", [True, False])
def test_frames_of_all_kinds(
    sent: tuple[int, bool, bool, bytes], flags: int, data: bytes, has_interrupt: bool
) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    rig.bus.deliver((0x123, False, False, b"\xffolder!\xff"))  # whose bytes stay in the buffer
    assert can.recv() is not None
    rig.bus.deliver(sent)
    mine: list[object] = [0, memoryview(bytearray(8)), 0, 0]
    assert can.recv(mine) is mine
    assert (mine[0], mine[2], mine[3]) == (sent[0], flags, 0)
    assert mine[1] == data
    rig.bus.deliver(sent)
    assert can.recv() == [sent[0], data, flags, 0]
    assert can.recv() is None


def test_a_frame_costs_two_transfers_with_int_and_none_when_there_is_none() -> None:
    rig = Rig()
    can = rig.controller()
    rig.transfers()
    rig.bus.deliver(frame(1))
    assert hexes(rig) == [READ_FLAGS, READ_RX0]  # 18 bytes
    assert taken(can) == [1]
    assert hexes(rig) == []


def test_while_int_is_kept_waiting_two_frames_cost_three_transfers() -> None:
    rig = Rig()
    can = rig.controller()
    rig.transfers()
    assert rig.interrupt is not None
    rig.interrupt.edges_to_lose = 1
    rig.bus.deliver(frame(1))
    rig.bus.deliver(frame(2))
    assert taken(can) == [1, 2]
    assert hexes(rig) == [READ_FLAGS, READ_RX0, READ_RX1]


def test_polling_a_frame_costs_three_transfers_and_looking_in_vain_one() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    rig.transfers()
    assert can.recv() is None
    assert hexes(rig) == [READ_FLAGS]
    rig.bus.deliver(frame(1))
    assert can.recv() is not None
    assert hexes(rig) == [READ_FLAGS, READ_RX0, READ_FLAGS]


def test_a_foreign_frame_that_the_hardware_refuses_costs_nothing() -> None:
    rig = Rig()
    can = rig.controller([(0x123, 0x7FF, 0)])
    assert can.hardware_filters.is_exact
    rig.transfers()
    rig.bus.deliver(frame(1, 0x124))
    assert taken(can) == []
    assert hexes(rig) == []


def test_a_foreign_frame_that_passes_the_hardware_is_rejected_by_software() -> None:
    wanted = range(0x100, 0x800, 0x111)
    rig = Rig()
    can = rig.controller([(each, 0x7FF, 0) for each in wanted])
    foreign = [each for each in range(0x800) if each not in wanted]
    passing = [each for each in foreign if can.hardware_filters.accepts(each, 0)]
    assert passing
    rig.transfers()
    for each in passing:
        rig.bus.deliver(frame(each, each))
    assert len(hexes(rig)) == 2 * len(passing)
    rig.bus.deliver(frame(1, 0x211))
    assert taken(can) == [1]


def test_nothing_is_received_before_set_filters() -> None:
    rig = Rig()
    can = rig.driver()
    can.init(500_000)
    for each in (0, 0x123, 0x7FF):
        rig.bus.deliver(frame(1, each))
        rig.bus.deliver((each << 18, True, False, b""))
    rig.bus.deliver((0x1FFFFFFF, True, False, b""))
    assert can.recv() is None


def test_changing_the_filters_keeps_what_came_by_the_old_ones_and_nothing_later() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller([(0x100, 0x7FF, 0)])
    rig.bus.deliver(frame(1, 0x100))
    can.set_filters([(each, 0x7FF, 0) for each in range(0x200, 0x800, 0xD1)])
    assert not can.hardware_filters.is_exact
    rig.bus.deliver(frame(3, 0x100))
    rig.bus.deliver(frame(4, 0x200))
    assert taken(can) == [1, 4]
    assert rig.chip.misuses == []


def test_up_to_two_ids_have_both_buffers() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller([(0x100, 0x7FF, 0), (0x200, 0x7FF, 0)])
    for arbitration_id in (0x100, 0x200):
        rig.bus.deliver(frame(1, arbitration_id))
        rig.bus.deliver(frame(2, arbitration_id))
        assert taken(can) == [1, 2]


def test_a_length_above_eight_means_eight() -> None:
    rig = Rig()
    can = rig.controller()
    rig.spi.spoil_in = lambda position, byte: byte | 15 if position == 5 else byte
    rig.bus.deliver((0x123, False, False, b"12345678"))
    mine: list[object] = [0, memoryview(bytearray(8)), 0, 0]
    assert can.recv(mine) is mine
    assert mine[1] == b"12345678"


def test_two_that_came_before_the_first_look_are_taken_in_order() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    for start in range(0, 12, 3):
        rig.bus.deliver(frame(start))
        assert taken(can) == [start]
        rig.bus.deliver(frame(start + 1))
        rig.bus.deliver(frame(start + 2))
        assert taken(can) == [start + 1, start + 2]


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_what_rolled_over_during_a_read_comes_before_what_follows_it(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    rig.transfers()

    def before_byte(position: int) -> None:
        number = len(rig.spi.transfers)
        if (number, position) in ((2, 13), (3, 0)):  # reading buffer 0, and after it
            rig.bus.deliver(frame(number - 1))

    rig.spi.before_byte = before_byte
    rig.bus.deliver(frame(0))
    assert taken(can) == [0, 1, 2]
    assert hexes(rig)[:5] == [READ_FLAGS, READ_RX0, READ_FLAGS, READ_RX1, READ_RX0]


@pytest.mark.parametrize("has_interrupt", [True, False])
@given(arrivals=st.lists(st.integers(0, 17), min_size=1, max_size=12))
@settings(max_examples=80)
def test_frames_that_arrive_while_others_are_read_stay_in_order(
    has_interrupt: bool, arrivals: list[int]
) -> None:
    """Each arrives so many SPI bytes after the one before: fewer than a read of both buffers."""
    rig = Rig(has_interrupt)
    can = rig.controller()
    pending = list(arrivals)
    waited = sent = 0

    def before_byte(position: int) -> None:
        nonlocal waited, sent
        waited += 1
        room = rig.chip.register(0x2C) & 3 != 3
        if pending and room and waited >= 14 + pending[0]:
            pending.pop(0)
            waited = 0
            sent += 1
            rig.bus.deliver(frame(sent))

    rig.bus.deliver(frame(0))
    rig.spi.before_byte = before_byte
    received = taken(can)
    while pending:
        can.pump()
        received += taken(can)
    rig.spi.before_byte = None
    assert received + taken(can) == list(range(len(arrivals) + 1))


def test_the_ring_keeps_the_oldest_and_tells_of_the_overrun_once() -> None:
    rig = Rig()
    can = rig.controller(rx_fifo_len=4)
    for number in range(10):
        rig.bus.deliver(frame(number))
    assert can.get_counters()[6] == 4  # the chip holds two more
    errors = []
    numbers = []
    while (received := can.recv()) is not None:
        numbers.append(received[1].hex()[-2:])  # type: ignore[attr-defined]
        errors.append(received[3])
    assert numbers == ["00", "01", "02", "03", "04", "05"]
    assert errors[0] == can.RECV_ERR_FULL | can.RECV_ERR_OVERRUN
    assert errors.count(errors[0]) == 1
    assert errors[-1] == 0
    assert can.get_counters()[6:] == [0, 1]
    rig.bus.deliver(frame(10))
    received = can.recv()
    assert received is not None
    assert received[3] == 0


def test_overruns_of_the_chip_are_counted() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    for round_ in range(3):
        for number in range(4):
            rig.bus.deliver(frame(number))
        first = can.recv()
        assert first is not None
        assert first[3] == can.RECV_ERR_FULL | can.RECV_ERR_OVERRUN
        assert taken(can) == [1]
        assert can.get_counters()[7] == round_ + 1
        assert rig.chip.register(0x2D) == 0


def test_a_full_ring_does_not_keep_the_driver_busy() -> None:
    rig = Rig()
    can = rig.controller(rx_fifo_len=2)
    for number in range(4):
        rig.bus.deliver(frame(number))
    rig.transfers()
    can.pump()
    assert hexes(rig) == [READ_FLAGS]
    assert taken(can) == [0, 1, 2, 3]


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_the_handler_hears_of_frames_and_may_take_them(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller([(0x123, 0x7FF, 0)])
    numbers: list[int] = []

    def handler(can: MCP2515) -> None:
        assert can.irq().flags() == can.IRQ_RX
        assert can.irq().flags() == 0
        numbers.extend(taken(can))

    can.irq(handler, can.IRQ_RX)
    rig.bus.deliver(frame(7))
    rig.bus.deliver(frame(8, 0x124))
    can.pump()
    assert numbers == [7]


def test_an_interrupt_in_the_middle_of_a_transfer_waits_for_its_end() -> None:
    rig = Rig()
    can = rig.controller()
    number = 0

    def before_byte(position: int) -> None:
        nonlocal number
        if position == 1 and rig.chip.interrupt:
            number += 1
            rig.bus.deliver(frame(number))

    rig.spi.before_byte = before_byte
    assert can.send(0x300, b"12345678") is not None
    can.get_counters()
    rig.spi.before_byte = None
    assert number > 1
    assert taken(can) == list(range(1, number + 1))
    rig.bus.run()
    assert rig.bus.sent == [(0x300, False, False, b"12345678")]


def test_a_lost_edge_delays_and_loses_nothing() -> None:
    rig = Rig()
    can = rig.controller()
    assert rig.interrupt is not None
    rig.interrupt.edges_to_lose = 1
    rig.bus.deliver(frame(1))
    rig.bus.deliver(frame(2))
    assert can.get_counters()[6] == 0
    assert can.is_due()
    assert taken(can) == [1, 2]
    rig.bus.deliver(frame(3))  # the next edge comes again
    assert can.get_counters()[6] == 1


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_there_is_something_to_do_until_recv_has_said_none(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    assert can.stream.ioctl(3, 1) == 0
    rig.bus.deliver(frame(1))
    assert can.stream.ioctl(3, 1) == 1
    assert can.stream.ioctl(3, 4) == 0  # asked for writing
    assert can.stream.ioctl(4, 0) == -1
    assert taken(can) == [1]
    assert can.stream.ioctl(3, 1) == 0
    can.send(0x100, b"")
    assert can.stream.ioctl(3, 1) == 0
    rig.bus.run()  # with INT, the handler has seen this end already
    assert can.stream.ioctl(3, 1) == 1
    assert can.recv() is None
    assert can.stream.ioctl(3, 1) == 0
    can.deinit()
    assert can.stream.ioctl(3, 1) == 0


def test_silent_it_hears_and_does_not_acknowledge() -> None:
    rig = Rig()
    can = rig.controller(mode=MCP2515.MODE_SILENT)
    rig.bus.deliver(frame(1))
    assert taken(can) == [1]
    assert not rig.chip.acknowledges()
    assert can.send(0x100, b"") is not None
    rig.bus.run()
    assert rig.bus.sent == []
    can.init(500_000)  # what was queued silently must not come later
    rig.bus.run()
    assert rig.bus.sent == []


def test_silent_loopback_hears_itself_alone() -> None:
    rig = Rig()
    can = rig.controller([(0x100, 0x7FF, 0)], MCP2515.MODE_SILENT_LOOPBACK)
    rig.bus.deliver(frame(1, 0x100))
    can.send(0x100, b"\x02")
    can.send(0x101, b"\x03")
    rig.bus.run()
    assert taken(can) == [2]
    assert rig.bus.sent == []
    assert can.get_counters()[5] == 0


def test_asleep_it_is_woken_by_the_bus_and_listens_silently() -> None:
    rig = Rig()
    can = rig.controller(mode=MCP2515.MODE_SLEEP)
    assert rig.chip.register(CNF3) & WAKFIL
    assert can.recv() is None
    rig.bus.deliver(frame(1))
    rig.bus.deliver(frame(2))
    assert taken(can) == [2]
    assert not rig.chip.acknowledges()
    assert rig.chip.interrupt == 1
    can.set_filters([(0x200, 0x7FF, 0)])  # asleep again
    rig.bus.deliver(frame(3, 0x200))
    rig.bus.deliver(frame(4, 0x200))
    assert taken(can) == [4]


def test_asleep_it_leaves_the_interrupt_for_the_board_that_it_wakes() -> None:
    rig = Rig()
    can = rig.controller(mode=MCP2515.MODE_SLEEP)
    rig.bus.deliver(frame(1))
    rig.bus.deliver(frame(2))
    assert rig.chip.interrupt == 0
    can.init(500_000)
    assert rig.chip.interrupt == 1
    assert not rig.chip.register(CNF3) & WAKFIL
