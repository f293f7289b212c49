"""`kill -9` of a board that has commands: each ends with a true receipt, and none acts twice."""

import asyncio
import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from carport.client.receipt import Receipt, State
from tests.power.killing import KilledBoard
from tests.power.witness import Asked, Heard, Witness
from tests.vm import VM

BOARDS = 4
ROUNDS = int(os.environ.get("CARPORT_POWER_KILLS", "40")) // BOARDS


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_kill_makes_a_receipt_untrue(vm: VM, tmp_path: Path) -> None:
    async def live(boards: list[KilledBoard]) -> None:
        await asyncio.gather(*(board.live(ROUNDS) for board in boards))

    with ExitStack() as stack:
        boards = []
        for seed in range(BOARDS):
            home = tmp_path / str(seed)
            home.mkdir()
            boards.append(stack.enter_context(KilledBoard(home, seed)))
        asyncio.run(live(boards))
    states: Counter[str] = Counter()
    nonces = interrupted = 0
    for board in boards:
        board.witness.check()
        states += board.witness.states()
        nonces += board.count_nonces()
        interrupted += board.witness.interrupted()
    print(
        f"\n{BOARDS * ROUNDS} kills, in the middle of {interrupted} of {states.total()} commands;"
    )
    print(f"{dict(states)}; {nonces} nonces, none used twice")
    assert set(states) >= {"confirmed", "indeterminate"}


def witness(state: State, frames_s: list[float], kills_s: list[float]) -> Witness:
    """Return the witness of a lock from second 1 to 5."""
    receipt = Receipt(1, "lock", state, "ann", 0, {}, ())
    heard = [Heard(time_s, "lock", "Lock") for time_s in frames_s]
    return Witness([Asked("lock", "Lock", 1, 5, receipt)], kills_s, heard)


@pytest.mark.parametrize(
    ("state", "frames_s", "kills_s"),
    [
        ("confirmed", [2, 2.1], [3]),
        ("confirmed", [4, 4.1], [3]),
        ("indeterminate", [2], [3]),
        ("indeterminate", [], [3]),
        ("expired", [], []),
        ("unconfirmed", [2, 2.1, 2.2, 2.3, 2.4], []),
    ],
)
def test_the_truth_is_accepted(state: State, frames_s: list[float], kills_s: list[float]) -> None:
    witness(state, frames_s, kills_s).check()


@pytest.mark.parametrize(
    ("state", "frames_s", "kills_s", "what"),
    [
        ("confirmed", [2, 4], [3], "acted twice"),
        ("indeterminate", [2, 4], [3], "acted twice"),
        ("confirmed", [2, 2.1, 2.2, 2.3, 2.4, 2.5], [], "acted too often"),
        ("confirmed", [], [3], "did not act"),
        ("indeterminate", [2], [], "not interrupted"),
        ("expired", [2], [3], "it acted"),
        ("confirmed", [2, 7], [3], "nobody has asked"),
    ],
)
def test_a_lie_is_found(
    state: State, frames_s: list[float], kills_s: list[float], what: str
) -> None:
    with pytest.raises(AssertionError, match=what):
        witness(state, frames_s, kills_s).check()
