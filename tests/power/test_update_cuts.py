"""A session of updates, its power cut at every operation of the flash, and defects to find."""

import os
from collections.abc import Callable

import pytest

from tests.power.board import VmBoard
from tests.power.cuts import Trial
from tests.power.nonces import Nonces
from tests.power.promises import Mark
from tests.power.recovery import BrokenPromiseError
from tests.power.update_recovery import UpdateRecovery
from tests.power.update_session import UpdateHistory, UpdateSession
from tests.vm import VM

# One cut of so many is tried, and one recovery of so many is cut as well; `make power` tries all.
EVERY = int(os.environ.get("CARPORT_POWER_EVERY", "24"))
NESTED_EVERY = 40


def played(vm: VM) -> UpdateHistory:
    """Live through the session."""
    return UpdateSession(VmBoard(vm, Nonces())).play()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_power_cut_during_an_update_breaks_a_promise(machine: VM) -> None:
    tally = Trial(machine, played(machine), UpdateRecovery).run(EVERY, NESTED_EVERY)
    print(f"\npower cuts during updates, by what they interrupted:\n{tally}")
    assert tally.cuts.total() > 1500 / EVERY


def first_piece_told(history: UpdateHistory) -> Mark:
    """Return the mark from which on a package has begun."""
    return history.updates.sent[0].told or 0


def second_trial_begun(history: UpdateHistory) -> Mark:
    """Return the mark from which on a package is on trial that is never confirmed."""
    steps = history.updates.steps
    _, second, _ = [index for index, step in enumerate(steps) if step.sha256 is not None]
    return steps[second + 1].told or 0


@pytest.mark.parametrize(
    ("defect", "what", "since"),
    [
        ("take_no_try", "it starts", second_trial_begun),
        ("believe_the_head", "is not whole|and has not", first_piece_told),
    ],
)
def test_a_planted_defect_in_updates_is_found(
    machine: VM, defect: str, what: str, since: Callable[[UpdateHistory], Mark]
) -> None:
    history = played(machine)
    machine.call("tests.power.plants", defect)
    with pytest.raises(BrokenPromiseError, match=what):
        Trial(machine, history, UpdateRecovery).run(since=since(history))
