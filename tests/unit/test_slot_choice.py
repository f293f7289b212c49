"""A stock board, whose code is in its slots alone, runs one that is whole, whatever is cut.

See tests/unit/test_loader.py for the loader in the VM; here the flash fails, too.
"""

from collections.abc import Callable

import pytest

from firmware import slot_choice
from firmware.slots import FACTORY, TRIES
from tests.models.slot_board import CAPACITY, SLOT_BLOCKS, Flash, make
from tests.power.chip import BLOCK_BYTES

A, B = 1, 2
RECORD_BYTES = 2 * BLOCK_BYTES


class PowerCut(BaseException):
    """The power is cut before an operation of the flash."""


def stock_board(*whole: int) -> Flash:
    """Return the flash of a board without a record, with a package in these slots."""
    flash = Flash()
    for slot in whole:
        begin = (2 + (slot - 1) * SLOT_BLOCKS) * BLOCK_BYTES
        flash.chip.image[begin : begin + CAPACITY] = make(CAPACITY, seed=slot)
    return flash


def start(flash: Flash) -> tuple[int, bool]:
    """Return what firmware/loader.py starts where nothing was flashed that runs."""
    chosen = slot_choice.mount_chosen(flash, "")
    return chosen if chosen[0] else slot_choice.mount_any(flash, "")


def cut_before(operations: int) -> Callable[[str, int], str]:
    """Return a fault that cuts the power before the flash is changed once more."""
    left = operations

    def fault(operation: str, address: int) -> str:
        nonlocal left
        if operation != "read":
            left -= 1
            if left < 0:
                raise PowerCut
        return ""

    return fault


@pytest.mark.parametrize("whole", [(A,), (B,), (A, B)])
def test_the_power_may_be_cut_anywhere(whole: tuple[int, ...]) -> None:
    is_cut = True
    cuts = 0
    while is_cut:
        flash = stock_board(*whole)
        flash.fault = cut_before(cuts)
        try:
            start(flash)
            is_cut = False
        except PowerCut:
            pass
        flash.fault = lambda operation, address: ""
        chosen = [start(flash) for _ in range(TRIES + 2)]
        assert all(slot in whole for slot, _ in chosen)
        assert chosen[-1] == (whole[-1], False)
        if len(whole) == 2:
            assert [is_trial for _, is_trial in chosen].count(True) in (TRIES, TRIES - 1)
        cuts += 1
    assert cuts > 1


@pytest.mark.parametrize("operation", ["program", "erase"])
@pytest.mark.parametrize("become", ["raises", "fails", "is lost"])
def test_a_record_that_cannot_be_written_keeps_nothing_from_running(
    operation: str, become: str
) -> None:
    for whole in ((A,), (B,), (A, B)):
        flash = stock_board(*whole)
        flash.fault = lambda asked, address: (
            become if asked == operation and address < RECORD_BYTES else ""
        )
        for _ in range(TRIES + 2):
            assert start(flash)[0] in whole


def test_a_slot_that_cannot_be_read_costs_the_other_nothing() -> None:
    flash = stock_board(A, B)
    begin = RECORD_BYTES
    flash.fault = lambda operation, address: (
        "raises" if begin <= address < begin + CAPACITY else ""
    )
    assert start(flash) == (B, False)


def test_without_any_that_is_whole_nothing_runs() -> None:
    flash = stock_board()
    assert start(flash) == (FACTORY, False)
    assert not flash.chip.journal
    flash.fault = lambda operation, address: "raises"
    assert slot_choice.mount_any(flash, "") == (FACTORY, False)
