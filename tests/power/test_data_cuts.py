"""A session that records, its power cut at every operation of the flash, and defects to find."""

import os
from collections.abc import Callable

import pytest

from tests.power.board import VmBoard
from tests.power.cuts import Trial
from tests.power.data_recovery import DataRecovery
from tests.power.data_session import DataHistory, DataSession
from tests.power.nonces import NonceReusedError, Nonces
from tests.power.promises import Mark
from tests.power.recovery import BrokenPromiseError
from tests.power.saves import Save
from tests.vm import VM

# One cut of so many is tried, and one recovery of so many is cut as well; `make power` tries all.
EVERY = int(os.environ.get("CARPORT_POWER_EVERY", "32"))
NESTED_EVERY = 40


def played(vm: VM) -> DataHistory:
    """Live through the session."""
    return DataSession(VmBoard(vm, Nonces())).play()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_power_cut_breaks_a_promise_about_the_data(machine: VM) -> None:
    tally = Trial(machine, played(machine), DataRecovery).run(EVERY, NESTED_EVERY)
    print(f"\npower cuts while recording, by what they interrupted:\n{tally}")
    assert tally.cuts.total() > 3000 / EVERY


def stored(history: DataHistory, name: str) -> Save:
    """Return the first save of a record."""
    return next(save for save, _ in history.saves.all() if save.name == name)


@pytest.mark.parametrize(
    ("defect", "error", "what", "since"),
    [
        (
            "seal_records_of_each_boot_alike",
            NonceReusedError,
            "sealed two things",
            lambda history: 0,
        ),
        (
            "forget_what_was_withdrawn",
            BrokenPromiseError,
            "is recorded: True",
            lambda history: history.data.consents["climate"][1].asked.told,
        ),
        (
            "erase_without_the_key",
            BrokenPromiseError,
            "key of .* is left",
            lambda history: history.data.erasures[-1].told,
        ),
        (
            "name_a_schema_that_is_not_stored",
            BrokenPromiseError,
            "has no schema|rows of another schema",
            lambda history: stored(history, "block-s2").begun,
        ),
        (
            "count_blocks_from_boot_to_boot",
            BrokenPromiseError,
            "are stored, and",
            lambda history: stored(history, "block-1").done,
        ),
    ],
)
def test_a_planted_defect_in_the_data_is_found(
    machine: VM,
    defect: str,
    error: type[AssertionError],
    what: str,
    since: Callable[[DataHistory], Mark],
) -> None:
    machine.call("tests.power.plants", defect)

    def live() -> None:
        history = played(machine)
        Trial(machine, history, DataRecovery).run(since=since(history))

    with pytest.raises(error, match=what):
        live()
