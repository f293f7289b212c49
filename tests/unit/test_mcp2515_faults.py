"""What goes wrong around the MCP2515: the bus, the SPI wires, the chip, and resets."""

import errno

import pytest

from firmware.drivers.mcp2515 import MCP2515
from tests.mcp2515_rig import Rig, outcome, record


def go_bus_off(rig: Rig) -> None:
    """Break every attempt to send, until the chip gives up."""
    for _ in range(32):
        if rig.chip.start_transmission() is not None:
            rig.chip.end_transmission("bit")


def test_the_chip_is_reset_before_anything_else() -> None:
    rig = Rig()
    can = rig.controller()
    can.send(0x100, b"unlock")
    rig.transfers()
    rig.driver()  # after a reset of the microcontroller
    assert rig.transfers() == [b"\xc0"]
    rig.controller()
    rig.bus.run()
    assert rig.bus.sent == []


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_alone_on_the_bus_it_becomes_passive_and_the_frame_can_only_be_cancelled(
    has_interrupt: bool,
) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    events = record(can, can.IRQ_TX | can.IRQ_STATE)
    rig.bus.has_peer = False
    index = can.send(0x123, b"")
    assert index == 0
    states = []
    for _ in range(20):
        rig.bus.step()
        can.pump()
        states.append(can.state())
    assert states == [can.STATE_ACTIVE] * 11 + [can.STATE_WARNING] * 4 + [can.STATE_PASSIVE] * 5
    assert can.get_counters() == [128, 0, 1, 1, 0, 1, 0, 0]
    assert events == [can.IRQ_STATE, can.IRQ_STATE]
    assert can.cancel_send(index) is True
    assert outcome(events[-1]) == ("failed", 0)
    rig.bus.has_peer = True
    for _ in range(33):
        can.send(0x123, b"")
        rig.bus.run()
        can.pump()
    assert can.state() == can.STATE_ACTIVE
    assert can.get_counters()[:5] == [95, 0, 1, 1, 0]


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_broken_frames_of_others_make_it_passive_too(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    for _ in range(128):
        rig.chip.receive_error()
    can.pump()
    assert can.state() == can.STATE_PASSIVE
    assert can.get_counters()[:5] == [0, 128, 1, 1, 0]
    for _ in range(40):
        rig.bus.deliver((0x123, False, False, b""))
    assert can.state() == can.STATE_ACTIVE


@pytest.mark.parametrize("mode", [MCP2515.MODE_NORMAL, MCP2515.MODE_SILENT])
def test_a_broken_frame_is_told_once_silent_or_not(mode: int) -> None:
    rig = Rig()
    can = rig.controller(mode=mode)
    assert can.take_broken() == 0
    rig.chip.receive_error()
    rig.bus.deliver((0x123, False, False, b"sound"))
    assert can.take_broken() == 1
    assert can.take_broken() == 0
    assert can.recv() is not None
    assert can.get_counters()[:2] == [0, 0]


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_bus_off_fails_what_is_pending_and_nothing_goes_out_until_a_restart(
    has_interrupt: bool,
) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller([(0x100, 0x700, 0)])
    events = record(can, can.IRQ_TX | can.IRQ_STATE)
    rig.bus.deliver((0x101, False, False, b"before"))
    can.send(0x456, b"unlock")
    can.send(0x457, b"unlock")
    go_bus_off(rig)
    can.pump()
    assert can.state() == can.STATE_BUS_OFF
    assert {outcome(flags) for flags in events if flags & can.IRQ_TX} == {
        *(("failed", 0), ("failed", 1))
    }
    assert [flags for flags in events if flags & can.IRQ_STATE]
    assert can.get_counters()[2:6] == [1, 1, 1, 0]
    with pytest.raises(OSError, match="5"):
        can.send(0x123, b"")
    rig.chip.see_recessive_bits(2 * 128 * 11)
    rig.bus.run()
    assert rig.bus.sent == []
    can.pump()
    assert can.state() == can.STATE_BUS_OFF
    assert not rig.chip.acknowledges()

    received = can.recv()
    assert received is not None
    assert received[1] == b"before"
    assert can.recv() is None
    can.set_filters([(0x200, 0x700, 0)])
    can.restart()
    assert can.state() == can.STATE_ACTIVE
    assert can.get_counters() == [0] * 8
    can.send(0x123, b"after")
    rig.bus.run()
    assert rig.bus.sent == [(0x123, False, False, b"after")]
    rig.bus.deliver((0x101, False, False, b""))
    rig.bus.deliver((0x201, False, False, b""))
    received = can.recv()
    assert received is not None
    assert received[0] == 0x201
    assert can.recv() is None


def test_restart_forgets_without_reporting_and_keeps_what_was_received() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    can.send(0x100, b"a")
    rig.bus.deliver((0x123, False, False, b"b"))
    can.restart()
    rig.bus.run()
    assert rig.bus.sent == []
    assert events == []
    received = can.recv()
    assert received is not None
    assert received[1] == b"b"


def test_deinit_leaves_the_bus_and_init_starts_afresh() -> None:
    rig = Rig()
    can = rig.controller()
    events = record(can, can.IRQ_TX | can.IRQ_RX)
    can.send(0x100, b"")
    can.deinit()
    can.deinit()
    rig.bus.deliver((0x123, False, False, b""))
    rig.bus.run()
    assert (rig.bus.sent, events, can.state()) == ([], [], can.STATE_STOPPED)
    can.pump()
    can.init(500_000)
    rig.bus.deliver((0x123, False, False, b""))
    assert can.recv() is None
    can.set_filters(None)
    rig.bus.deliver((0x123, False, False, b""))
    assert can.recv() is not None
    assert events == []


@pytest.mark.parametrize("level", [0x00, 0xFF])
def test_a_chip_that_is_not_there_is_an_oserror(level: int) -> None:
    rig = Rig()
    rig.spi.spoil_in = lambda position, byte: level
    can = rig.driver()
    with pytest.raises(OSError, match=f"did not come: CANSTAT is {level:02X}h") as caught:
        can.init(500_000)
    assert caught.value.errno == errno.ETIMEDOUT
    assert can.state() == can.STATE_STOPPED


def writes_of_init() -> list[int]:
    """Return the numbers of the transfers by which init and set_filters write settings."""
    rig = Rig()
    rig.controller([(0x123, 0x7FF, 0), (0x1ABCDEF1, 0x1FFFFFFF, 2)])
    transfers = enumerate(rig.transfers())
    return [i for i, transfer in transfers if transfer[0] == 0x02]


@pytest.mark.parametrize("number", writes_of_init())
def test_a_flipped_bit_in_any_setting_is_an_oserror_and_not_a_wrong_controller(
    number: int,
) -> None:
    for position in range(16):
        for bit in (1, 0x80):
            rig = Rig()

            def spoil(at: int, byte: int, rig: Rig = rig, position: int = position) -> int:
                is_there = len(rig.spi.transfers) == number + 1 and at == position
                return byte ^ bit if is_there else byte  # noqa: B023

            rig.spi.spoil_out = spoil
            filters = [(0x123, 0x7FF, 0), (0x1ABCDEF1, 0x1FFFFFFF, 2)]
            try:
                can = rig.controller(filters)
            except OSError:
                assert not rig.chip.acknowledges()
            else:  # the bit was one that the chip does not have, or past the end
                rig.spi.spoil_out = None
                assert registers(rig) == registers_of(filters)
                assert can.state() == can.STATE_ACTIVE


def registers(rig: Rig) -> list[int]:
    settings = [*range(0x0C), *range(0x10, 0x1C), *range(0x20, 0x2C), 0x30, 0x40, 0x50, 0x60, 0x70]
    return [rig.chip.register(address) for address in settings]


def registers_of(filters: list[tuple[int, int, int]]) -> list[int]:
    rig = Rig()
    rig.controller(filters)
    return registers(rig)


def test_a_wrong_filter_takes_it_off_the_bus_until_a_restart() -> None:
    rig = Rig()
    can = rig.controller()
    rig.spi.spoil_out = lambda position, byte: byte ^ 1 if position == 3 else byte
    with pytest.raises(OSError, match=r"MCP2515 register \w+h holds \w+h, not \w+h"):
        can.set_filters([(0x100, 0x7FF, 0)])
    rig.spi.spoil_out = None
    assert can.state() == can.STATE_BUS_OFF
    assert not rig.chip.acknowledges()
    can.restart()
    rig.bus.deliver((0x100, False, False, b""))
    rig.bus.deliver((0x101, False, False, b""))
    received = can.recv()
    assert received is not None
    assert received[0] == 0x100
    assert can.recv() is None


def test_filters_cannot_change_while_a_frame_will_not_go() -> None:
    rig = Rig()
    can = rig.controller([(0x100, 0x7FF, 0)])
    rig.bus.has_peer = False
    can.send(0x123, b"")
    with pytest.raises(OSError, match="mode 4 of the MCP2515 did not come"):
        can.set_filters(None)
    rig.bus.has_peer = True
    rig.bus.run()
    assert can.get_counters()[5] == 0
    assert rig.chip.acknowledges()
    rig.bus.deliver((0x101, False, False, b""))
    assert can.recv() is None
    can.set_filters(None)
    rig.bus.deliver((0x101, False, False, b""))
    assert can.recv() is not None


def test_a_bus_that_is_never_idle_is_an_oserror() -> None:
    rig = Rig()
    rig.chip.is_bus_stuck = True
    with pytest.raises(OSError, match="mode 0 of the MCP2515 did not come: CANSTAT is 80h"):
        rig.controller()


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_a_chip_that_answers_only_ones_has_sent_nothing(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    can.send(0x100, b"")
    rig.spi.spoil_in = lambda position, byte: 0xFF
    can.pump()
    assert [outcome(flags) for flags in events] == [("failed", 0)]
    assert can.state() == can.STATE_BUS_OFF
    assert can.recv() is None
    with pytest.raises(OSError, match="did not come"):
        can.restart()
    assert can.state() == can.STATE_BUS_OFF
    rig.spi.spoil_in = None
    can.restart()
    assert can.state() == can.STATE_ACTIVE


def test_a_frame_that_the_chip_lost_with_its_power_has_failed_once_it_is_withdrawn() -> None:
    rig = Rig()
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    can.send(0x100, b"")
    rig.chip.select()
    rig.chip.exchange(0xC0)  # as power does
    rig.chip.deselect()
    can.pump()
    assert events == []
    assert can.cancel_send(0) is True
    assert [outcome(flags) for flags in events] == [("failed", 0)]
    assert can.state() == can.STATE_BUS_OFF


def test_what_is_not_started_or_out_of_range_is_refused() -> None:
    rig = Rig()
    can = rig.driver()
    for call in (
        can.recv,
        can.restart,
        can.get_counters,
        can.irq,
        lambda: can.send(1, b""),
        lambda: can.cancel_send(0),
        lambda: can.set_filters(None),
    ):
        with pytest.raises(OSError, match=str(errno.EINVAL)):
            call()
    for mode in (MCP2515.MODE_LOOPBACK, 5):
        with pytest.raises(ValueError, match="mode"):
            can.init(500_000, mode)
    can = rig.controller()
    for arbitration_id, flags in ((0x800, 0), (-1, 0), (1 << 29, can.FLAG_EXT_ID)):
        with pytest.raises(ValueError, match="invalid id"):
            can.send(arbitration_id, b"", flags)
        with pytest.raises(ValueError, match="invalid id"):
            can.set_filters([(arbitration_id, 0, flags)])
    with pytest.raises(OverflowError):
        can.send(1, bytes(9))
    with pytest.raises(ValueError, match="flags"):
        can.set_filters([(1, 1, can.FLAG_RTR)])
    with pytest.raises(ValueError, match="too many filters"):
        can.set_filters([(1, 1, 0)] * (can.FILTERS_MAX + 1))
    with pytest.raises(ValueError, match="trigger"):
        can.irq(None, 64)
