"""Masks and filters: no wanted id is ever rejected, and few others pass."""

import random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from firmware.drivers.mcp2515_filters import HardwareFilters, WantedIds
from tests.mcp2515_rig import Rig

STD, EXT = 0, 2
Filter = tuple[int, int, int]


def standard(*ids: int) -> list[Filter]:
    return [(each, 0x7FF, STD) for each in ids]


def extended(*ids: int) -> list[Filter]:
    return [(each, 0x1FFFFFFF, EXT) for each in ids]


def matches(filters: list[Filter], arbitration_id: int, flags: int) -> bool:
    """Tell whether it is wanted, as machine.CAN documents it."""
    return any(
        kind == flags and (arbitration_id ^ wanted) & mask == 0 for wanted, mask, kind in filters
    )


standard_filters = st.tuples(
    st.integers(0, 0x7FF), st.sampled_from([0x7FF, 0x7FF, 0x7F0, 0x700, 0x0FF, 0]), st.just(STD)
)
extended_filters = st.tuples(
    st.integers(0, 0x1FFFFFFF),
    st.sampled_from([0x1FFFFFFF, 0x1FFFFFFF, 0x1FFFFF00, 0x00FFFF00]),
    st.just(EXT),
)
filter_lists = st.lists(st.one_of(standard_filters, extended_filters), max_size=12)


@given(filter_lists, st.randoms(use_true_random=False))
@settings(max_examples=200)
@example(standard(*range(0, 0x7FF, 99)), random.Random(1))
@example(standard(0x100) + extended(0x100 << 18), random.Random(1))
def test_no_wanted_id_is_rejected(filters: list[Filter], some: random.Random) -> None:
    hardware, software = HardwareFilters(filters), WantedIds(filters)
    for wanted, mask, flags in filters:
        limit = 0x1FFFFFFF if flags else 0x7FF
        for _ in range(5):
            arbitration_id = wanted & mask | some.getrandbits(29) & limit & ~mask
            assert hardware.accepts(arbitration_id, flags)
            assert software.accepts(arbitration_id, flags)


@given(st.lists(standard_filters, max_size=12))
@settings(max_examples=60)
@example([(0, 0x7FE, STD), (0, 0x7FD, STD)])  # three ids; both, or the hardware's, count as four
def test_every_standard_id_is_judged_as_documented(filters: list[Filter]) -> None:
    hardware, software = HardwareFilters(filters), WantedIds(filters)
    passing = unwanted = 0
    for arbitration_id in range(0x800):
        is_wanted = matches(filters, arbitration_id, STD)
        assert software.accepts(arbitration_id, STD) == is_wanted
        is_passing = hardware.accepts(arbitration_id, STD)
        assert is_passing or not is_wanted
        unwanted += not is_wanted
        passing += is_passing and not is_wanted
    assert hardware.foreign_share(STD) == pytest.approx(passing / unwanted if unwanted else 0)
    if hardware.is_exact:
        assert passing == 0
        assert filters


@given(filter_lists)
@settings(max_examples=60)
def test_exact_means_that_nothing_foreign_passes(filters: list[Filter]) -> None:
    hardware = HardwareFilters(filters)
    if hardware.is_exact:
        assert hardware.foreign_share(STD) == hardware.foreign_share(EXT) == 0


@pytest.mark.parametrize(
    "filters",
    [
        None,
        standard(0x123),
        standard(0x123, 0x456),
        standard(0x001, 0x111, 0x222, 0x333, 0x444, 0x555),  # six filters
        standard(*range(0x300, 0x308), 0x7FF),  # eight ids are one filter
        [(0x300, 0x700, STD), (0x50700, 0x1FFFFFFF, EXT)],  # from machine.CAN's documentation
        [(0x300, 0x700, STD), (0x310, 0x7F0, STD), *standard(0x301)],  # one covers the others
        standard(0x100, 0x200) + extended(0x1CEFF00, 0x1CEFF01, 0x18DAF110, 0x123),
    ],
)
def test_covered_exactly(filters: list[Filter] | None) -> None:
    hardware = HardwareFilters(filters)
    assert hardware.is_exact
    assert hardware.foreign_share(STD) == hardware.foreign_share(EXT) == 0


@pytest.mark.parametrize(
    ("filters", "share"),
    [
        (standard(0x629, 0x6BA, 0x0A5, 0x424, 0x7C6, 0x67A, 0x4DA), 0.003),
        (standard(0x284, 0x385, 0x421, 0x54A, 0x54B, 0x54C, 0x54F, 0x55B, 0x5C5, 0x60D), 0.012),
        (standard(*range(0x10, 0x800, 0x123)), 0.015),
    ],
)
def test_more_than_the_chip_has_lets_few_others_pass(filters: list[Filter], share: float) -> None:
    hardware = HardwareFilters(filters)
    assert not hardware.is_exact
    assert 0 < hardware.foreign_share(STD) < share
    assert hardware.foreign_share(EXT) == 0


def test_nothing_wanted_is_nothing_received() -> None:
    hardware = HardwareFilters([])
    assert not hardware.is_exact
    assert hardware.foreign_share(STD) == 0
    assert not any(WantedIds([]).accepts(each, STD) for each in range(0x800))
    assert not WantedIds([]).accepts(0x1FFFFFFF, EXT)


@pytest.mark.parametrize(
    "filters", [[(0x800, 0, STD)], [(-1, 0, STD)], [(0, 0x800, STD)], [(0, 1 << 29, EXT)]]
)
def test_out_of_range_is_refused(filters: list[Filter]) -> None:
    with pytest.raises(ValueError, match="invalid id"):
        HardwareFilters(filters)


@given(filter_lists, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_chip_itself_judges_alike(filters: list[Filter], some: random.Random) -> None:
    """`accepts` is what the chip does with these registers, whatever the data bytes are."""
    rig = Rig()
    can = rig.controller(filters)
    can.deinit()
    can.init(500_000, can.MODE_SILENT)
    can.set_filters(filters)
    rig.chip.on_interrupt = None
    for _ in range(60):
        flags = some.choice((STD, EXT))
        arbitration_id = some.getrandbits(29 if flags else 11)
        if filters and some.random() < 0.7:
            wanted, _, flags = some.choice(filters)
            arbitration_id = wanted ^ some.choice((0, 1, 0x80)) & (0x1FFFFFFF if flags else 0x7FF)
        data = bytes(some.getrandbits(8) for _ in range(some.randrange(9)))
        rig.chip.receive((arbitration_id, flags == EXT, False, data))
        is_received = not rig.chip.interrupt
        assert is_received == can.hardware_filters.accepts(arbitration_id, flags)
        is_wanted = matches(filters, arbitration_id, flags)
        assert (can.recv() is not None) == is_wanted


@given(st.lists(standard_filters, min_size=1, max_size=8))
@settings(max_examples=40)
def test_a_mask_that_were_one_bit_stricter_would_be_noticed(filters: list[Filter]) -> None:
    """The property above has teeth: each bit added to a mask in use rejects a wanted id."""
    hardware = HardwareFilters(filters)
    assume(hardware.is_exact)
    sid_bits = 0x7FF << 18
    for group in range(2):
        mask = hardware._masks[group] & sid_bits
        for bit in (1 << i for i in range(18, 29) if not mask >> i & 1):
            spoiled = HardwareFilters(filters)
            masks = [hardware._masks[0] | bit, hardware._masks[1] | bit]
            spoiled._masks = (masks[0], masks[1])
            assert any(
                matches(filters, each, STD) and not spoiled.accepts(each, STD)
                for each in range(0x800)
            )
