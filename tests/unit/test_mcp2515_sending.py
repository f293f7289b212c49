"""The MCP2515 driver sends: what it costs on SPI, in which order, and what comes of a cancel."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.drivers.mcp2515 import MCP2515
from tests.mcp2515_rig import Rig, outcome, record

EXT = MCP2515.FLAG_EXT_ID


def hexes(rig: Rig) -> list[str]:
    return [transfer.hex() for transfer in rig.transfers()]


def urgency(arbitration_id: int, flags: int) -> tuple[int, int, int]:
    """Return what arbitration goes by: the lower, the more urgent."""
    if flags & EXT:
        return arbitration_id >> 18, 1, arbitration_id & 0x3FFFF
    return arbitration_id, 0, 0


@pytest.mark.parametrize(
    ("arbitration_id", "flags", "data"),
    [
        (0, 0, b""),
        (0x7FF, 0, b"12345678"),
        (0, EXT, b"1"),
        (0x1ABCDEF1, EXT, b"\xff\x00"),
        (0x555, MCP2515.FLAG_RTR, bytes(8)),
        (0x18DAF110, MCP2515.FLAG_RTR | EXT, bytes(2)),
    ],
)
def test_frames_of_all_kinds(arbitration_id: int, flags: int, data: bytes) -> None:
    rig = Rig()
    can = rig.controller()
    assert can.send(arbitration_id, data, flags) == 0
    rig.bus.run()
    is_remote = bool(flags & MCP2515.FLAG_RTR)
    assert rig.bus.sent == [(arbitration_id, bool(flags & EXT), is_remote, data)]


def test_a_frame_costs_two_transfers_and_its_report_two_more() -> None:
    rig = Rig()
    can = rig.controller()
    rig.transfers()
    for _ in range(3):  # each time by buffer 0
        assert can.send(0x123, bytearray(b"\x01\x02")) == 0
        assert hexes(rig) == ["4024600000020102000000000000", "81"]
        rig.bus.run()
        assert hexes(rig) == ["032c0000", "052c0400"]


def test_three_in_order_cost_two_transfers_each() -> None:
    rig = Rig()
    can = rig.controller()
    rig.transfers()
    for number in range(3):
        assert can.send(0x123, bytes((number,))) == number
    assert [transfer[0] for transfer in rig.transfers()] == [
        *(0x40, 0x81, 0x42, 0x82, 0x44, 0x84)  # LOAD TX BUFFER and RTS
    ]
    rig.bus.run()
    assert [data for _, _, _, data in rig.bus.sent] == [b"\0", b"\1", b"\2"]


def test_a_frame_that_must_overtake_costs_two_transfers_too() -> None:
    rig = Rig()
    can = rig.controller()
    rig.transfers()
    assert can.send(0x200, b"") == 0
    assert can.send(0x100, b"") == 1
    assert [transfer[:3].hex() for transfer in rig.transfers()] == [
        *("404000", "81", "024003", "82")  # WRITE from TXB1CTRL on
    ]
    rig.bus.run()
    assert [each[0] for each in rig.bus.sent] == [0x100, 0x200]


@pytest.mark.parametrize("has_interrupt", [True, False])
@pytest.mark.parametrize("ids", list(permutations([(0x100, 0), (0x100 << 18, EXT), (0x101, 0)])))
def test_any_three_go_out_by_priority(
    ids: tuple[tuple[int, int], ...], has_interrupt: bool
) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    assert sorted(can.send(each, b"", flags) or 0 for each, flags in ids) == [0, 1, 2]
    assert can.get_counters()[5] == 3
    assert can.send(0, b"") is None
    rig.bus.run()
    assert [each[:2] for each in rig.bus.sent] == [
        *((0x100, False), (0x100 << 18, True), (0x101, False))
    ]
    can.pump()
    assert can.get_counters()[5] == 0
    assert rig.chip.misuses == []


steps = st.lists(
    st.one_of(st.integers(0, 5), st.just("sent"), st.sampled_from(["cancel 0", "cancel 1"])),
    max_size=60,
)


@given(steps=steps, has_interrupt=st.booleans())
@settings(max_examples=150)
def test_the_most_urgent_goes_first_and_equal_ids_keep_their_order(
    steps: list[int | str], has_interrupt: bool
) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    pending: dict[int, tuple[tuple[int, int, int], int]] = {}
    for number, step in enumerate(steps):
        if isinstance(step, int):
            arbitration_id, flags = (step >> 1, 0) if step & 1 else (step << 17, EXT)
            index = can.send(arbitration_id, bytes((number,)), flags)
            assert (index is not None) or pending
            if index is not None:
                assert index not in pending
                pending[index] = (urgency(arbitration_id, flags), number)
        elif step.startswith("cancel"):
            index = int(step[-1])
            assert can.cancel_send(index) == (index in pending)
            pending.pop(index, None)
        else:
            assert rig.bus.step() == bool(pending)
            if pending:
                sent, is_extended, _, data = rig.bus.sent[-1]
                first = min(pending, key=lambda index: pending[index])
                wanted, number = pending.pop(first)
                assert data == bytes((number,))
                assert urgency(sent, EXT if is_extended else 0) == wanted
    can.pump()
    assert can.get_counters()[5] == len(pending)
    assert rig.chip.misuses == []


def test_a_stream_of_equal_ids_is_sent_in_order_and_seldom_waits() -> None:
    rig = Rig()
    can = rig.controller()
    queued = refused = 0
    while queued < 100:
        while can.send(0x123, bytes((queued,))) is not None:
            queued += 1
        refused += 1
        rig.bus.step()
    rig.bus.run()
    assert [data[0] for _, _, _, data in rig.bus.sent] == list(range(queued))
    assert refused <= queued


def test_unordered_frames_are_taken_where_there_is_no_place_in_order() -> None:
    rig = Rig()
    can = rig.controller()
    for _ in range(3):
        assert can.send(0x123, b"") is not None
    rig.bus.step()
    assert can.send(0x123, b"") is not None
    rig.bus.step()
    assert can.send(0x123, b"") is None
    assert can.get_counters()[5] == 2
    assert can.send(0x122, b"") is not None
    rig.bus.step()
    assert can.send(0x123, b"", can.FLAG_UNORDERED) is not None


def test_a_handler_that_sends_meanwhile_does_not_spoil_the_frame() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()

    def handler(can: MCP2515) -> None:
        while can.irq().flags():
            pass
        can.send(0x1ABCDEF1, b"", EXT)

    for number in range(3):
        can.send(0x100 + number, b"")
    can.irq(handler, can.IRQ_TX)
    rig.bus.run()
    assert can.send(0x2AA, b"12") is not None  # finds all taken, looks, and so calls the handler
    can.irq(lambda can: None, can.IRQ_RX)
    rig.bus.run()
    assert rig.bus.sent[3:] == [(0x1ABCDEF1, True, False, b""), (0x2AA, False, False, b"12")][::-1]


@pytest.mark.parametrize("has_interrupt", [True, False])
def test_each_is_reported_once(has_interrupt: bool) -> None:
    rig = Rig(has_interrupt)
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    for arbitration_id in (0x300, 0x100, 0x200):
        can.send(arbitration_id, b"")
    rig.bus.run()
    can.pump()
    assert sorted(outcome(flags) for flags in events) == [("sent", 0), ("sent", 1), ("sent", 2)]
    assert can.irq().flags() == 0
    assert can.send(0x100, b"") == 0


def test_a_buffer_is_not_used_again_before_it_is_reported() -> None:
    rig = Rig()
    can = rig.controller()
    can.irq(lambda can: None, can.IRQ_TX)  # looks at nothing
    assert [can.send(0x100, b""), can.send(0x100, b""), can.send(0x100, b"")] == [0, 1, 2]
    rig.bus.run()
    assert can.send(0x100, b"") is None
    assert outcome(can.irq().flags()) == ("sent", 0)
    assert can.send(0x100, b"") == 0


def test_without_a_report_polling_finds_the_buffers_free_by_itself() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    for _ in range(10):
        while can.send(0x100, b"") is not None:
            pass
        rig.bus.run()
    assert len(rig.bus.sent) == 30


def test_what_waits_is_cancelled_and_reported_as_failed() -> None:
    rig = Rig()
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    assert [can.send(0x100, b"a"), can.send(0x100, b"b")] == [0, 1]
    assert can.cancel_send(0) is True
    assert can.cancel_send(0) is False
    assert can.cancel_send(2) is False
    assert [outcome(flags) for flags in events] == [("failed", 0)]
    rig.bus.run()
    assert [data for _, _, _, data in rig.bus.sent] == [b"b"]
    with pytest.raises(IndexError):
        can.cancel_send(3)


@pytest.mark.parametrize("keeps_request", [True, False])
@pytest.mark.parametrize("has_interrupt", [True, False])
@pytest.mark.parametrize(("error", "result"), [("", "sent"), ("arbitration", "failed")])
def test_what_is_on_the_wire_is_reported_as_it_ends(
    keeps_request: bool, has_interrupt: bool, error: str, result: str
) -> None:
    rig = Rig(has_interrupt)
    rig.chip.keeps_request_on_wire = keeps_request
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    can.send(0x100, b"")
    rig.chip.start_transmission()
    assert can.cancel_send(0) is True
    assert events == []
    assert can.is_due()  # no interrupt tells of an abort
    can.recv()
    assert events == []
    rig.chip.end_transmission(error)
    assert can.recv() is None
    assert [outcome(flags) for flags in events] == [(result, 0)]
    assert not can.is_due()
    assert rig.chip.start_transmission() is None


def test_cancelling_what_was_just_sent_is_false() -> None:
    rig = Rig(has_interrupt=False)
    can = rig.controller()
    events = record(can, can.IRQ_TX)
    can.send(0x100, b"")
    rig.bus.run()
    assert can.cancel_send(0) is False
    assert [outcome(flags) for flags in events] == [("sent", 0)]
