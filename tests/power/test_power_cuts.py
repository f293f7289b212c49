"""A session whose power is cut at every operation of the flash, and defects that this finds."""

import os

import pytest

from tests.power.board import BLOCKS, Operation, VmBoard
from tests.power.chip import BLOCK_BYTES
from tests.power.cuts import Trial
from tests.power.nonces import NonceReusedError, Nonces
from tests.power.recovery import BrokenPromiseError
from tests.power.session import Session
from tests.vm import VM

# One cut of so many is tried, and one recovery of so many is cut as well; `make power` tries all.
EVERY = int(os.environ.get("CARPORT_POWER_EVERY", "16"))
NESTED_EVERY = 40
ROOT_DEFECT = "write_the_root_in_place"


def trial(vm: VM) -> Trial:
    """Live through the session, and return what can be cut."""
    return Trial(vm, Session(VmBoard(vm, Nonces())).play())


def is_of_root(operation: Operation) -> bool:
    """Tell whether an operation is the key partition's."""
    return operation[0] >= BLOCKS * BLOCK_BYTES


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_power_cut_breaks_a_promise(machine: VM) -> None:
    tally = trial(machine).run(EVERY, NESTED_EVERY)
    print(f"\npower cuts, by what they interrupted:\n{tally}")
    assert tally.cuts.total() > 3000 / EVERY


@pytest.mark.parametrize(
    ("defect", "error", "what"),
    [
        (
            "call_intents_durable_too_early",
            BrokenPromiseError,
            "acted, and nothing is known of it",
        ),
        ("write_records_in_place", BrokenPromiseError, "is not known"),
        (ROOT_DEFECT, BrokenPromiseError, "is not known"),
        ("resume_at_the_last_chunk", NonceReusedError, "board seals, its number"),
        ("know_every_window", NonceReusedError, "board seals, host's number"),
    ],
)
def test_a_planted_defect_is_found(
    machine: VM, defect: str, error: type[AssertionError], what: str
) -> None:
    machine.call("tests.power.plants", defect)
    with pytest.raises(error, match=what):
        trial(machine).run(wanted=lambda operation: defect != ROOT_DEFECT or is_of_root(operation))
