"""What an updated board does after a power cut, held against what it had promised before."""

from gateway.coap.numbers import GET
from tests.power.board import Start
from tests.power.nonces import Nonces
from tests.power.promises import HeldKey
from tests.power.recovery import Recovery
from tests.power.update_session import (
    FACTORY,
    PACKAGES,
    PIECE_BYTES,
    RESTART_MS,
    TRIES,
    State,
    UpdateHistory,
    activate,
    hash_in,
    make_package,
    put,
    received,
    wait_for_trial,
)

NAMES = ("factory", "a", "b")
SECTOR_BYTES = 4096
FIRST_SEED = 900  # of the random bytes of further boots: no other boot has it
FAIL_EVERY = 8
FRESH = make_package(4, 3000)


class UpdateRecovery(Recovery):
    """Asks, beside all else, for the firmware."""

    _history: UpdateHistory
    _seed = FIRST_SEED

    def check(self) -> None:
        """Hold the board to each promise.

        Raises:
            BrokenPromiseError, NonceReusedError: one is broken.
        """
        self._board.may_restart = True
        self.states = {state.started() for state in self._states_before()}
        self._check_start(self._board.started)
        Recovery.check(self)
        if self._owner is not None:
            self._check_told(self._owner)

    def go_on(self) -> None:
        """See that the board takes an update all the same, and whatever else can be changed."""
        Recovery.go_on(self)
        owner = self._owner
        if owner is None:
            return
        if self._board.started.is_trial and self._cut % FAIL_EVERY == 0:
            self._let_it_fail()
        elif self._board.started.is_trial:
            wait_for_trial(self._board, owner)
        for number in range(received(owner, FRESH) // PIECE_BYTES, -(-len(FRESH) // PIECE_BYTES)):
            put(owner, FRESH, number)
        activate(owner, FRESH)
        self._board.advance(RESTART_MS)
        self._expect(self._board.wants_restart, "it does not start an update")
        self.states = {State(hash_in(FRESH), TRIES)}
        self._start_again()
        wait_for_trial(self._board, owner)

    def _let_it_fail(self) -> None:
        """Start what is on trial until its tries are gone."""
        for _ in range(TRIES):
            self._start_again()
        self._expect(not self._board.started.is_trial, "a trial does not end")

    def _start_again(self) -> None:
        """Cut the power, and see that what should run is started."""
        self._seed += 1
        self._board.nonces = Nonces((self._board.nonces, self._board.mark))
        self._board.power_on(self._seed)
        self.states = {state.started() for state in self.states}
        self._check_start(self._board.started)

    def _states_before(self) -> set[State]:
        """Return what the board could start when the power came back."""
        if self._earlier is None:
            return self._history.updates.states(self._cut)
        earlier, cut = self._earlier
        assert isinstance(earlier, UpdateRecovery)
        before = earlier._states_before()
        after = {state.started() for state in before}
        return after if earlier._board.started.mark <= cut else before | after

    def _check_start(self, start: Start) -> None:
        """See that what runs was authenticated and is whole, and is what should run."""
        running = FACTORY
        if start.slot:
            content = self._board.call("slot", start.slot)
            running = hash_in(content)
            known = PACKAGES.get(running, FRESH)
            self._expect(content[: len(known)] == known, "it runs what is not whole")
        expected = {(state.active, state.tries is not None) for state in self.states}
        self._expect(
            (running, start.is_trial) in expected,
            f"it starts {running.hex()[:8]}, on trial: {start.is_trial}, and not one of "
            f"{[(each.hex()[:8], on_trial) for each, on_trial in expected]}",
        )

    def _check_told(self, owner: HeldKey) -> None:
        """See that the board knows what it runs, and what it has of an update."""
        start = self._board.started
        told = self._ask(owner.host, GET, ["update"]).value
        self._expect(told["running"] == NAMES[start.slot], f"it says that {told['running']} runs")
        self._expect(told["trial"] == start.is_trial, f"it says on trial: {told['trial']}")
        sha256, least = self._sent()
        receiving = told.get("receiving", {"sha256": b"", "received": 0})
        size = receiving["received"]
        if size:
            self._check_is_there(receiving["sha256"], size)
        is_kept = least == 0 or (receiving["sha256"] == sha256 and size >= least)
        self._expect(is_kept, f"of {least} bytes of an update {size} are left")

    def _check_is_there(self, sha256: bytes, size: int) -> None:
        """See that the slot holds what the board says.

        An erasure that was torn may have left the head of a package that had been whole, and not
        what follows: then it must not be said to be whole, and its hash will tell.
        """
        package = PACKAGES[sha256]
        other_slots = [slot for slot in (1, 2) if slot != self._board.started.slot]
        is_there = any(
            self._board.call("slot", slot)[:size] == package[:size] for slot in other_slots
        )
        was_whole = any(
            (sent.sha256, sent.size) == (sha256, len(package)) and sent.is_told(self._cut)
            for sent in self._history.updates.sent
        )
        self._expect(
            is_there or (was_whole and size < len(package)),
            f"it says that it has {size} bytes of an update, and has not",
        )

    def _sent(self) -> tuple[bytes, int]:
        """Return which package was on its way, and how much of it is there for sure."""
        updates = self._history.updates
        begun = [sent for sent in updates.sent if sent.is_begun(self._cut)]
        if not begun:
            return b"", 0
        last = begun[-1]
        size = last.size
        if not last.is_told(self._cut):
            size = (size - 1) // PIECE_BYTES * PIECE_BYTES
        if any(step.sha256 == last.sha256 and step.is_begun(self._cut) for step in updates.steps):
            return b"", 0
        if size == len(PACKAGES[last.sha256]):
            return last.sha256, size
        return last.sha256, max(0, size - 1) // SECTOR_BYTES * SECTOR_BYTES
