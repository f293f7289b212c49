"""The core keeps its promises in chaos; and each promise, broken on purpose, is noticed."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from gateway.data.ledger import Ledger
from gateway.endpoint import Endpoint
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.key import Key
from gateway.vault.keys import Keys
from gateway.vault.principals import Uses
from gateway.vault.records import Records
from gateway.vault.sequences import Sequences
from gateway.vehicle.command import Transmission
from gateway.vehicle.commands import CommandEngine
from gateway.vehicle.receipts import Receipt, Receipts
from tests.models.shell import Shell
from tests.property.chaos import Promise, Step, World, histories, play

EXAMPLES = int(os.environ.get("CARPORT_CHAOS", "60"))  # 10,000 take some minutes

CHAOS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEARCH = settings(CHAOS, max_examples=1000, phases=[Phase.generate], database=None)
SOON = 18  # the seed of a search that meets every broken promise within a hundred histories


@CHAOS
@given(histories)
def test_the_core_keeps_its_promises(history: list[Step]) -> None:
    play(history)


# ---- promises broken on purpose ----


class HastyShell(Shell):
    """Acknowledges each save at once, though it is durable only when none are held."""

    late: tuple[tuple[str, Any], ...] = ()

    def drain(self) -> None:
        if self.holds_saves:
            for number, name, data in self.gateway.saves():
                self.late += ((name, data),)
                self.gateway.saved(number, self.now_ms)
        else:
            for name, data in self.late:
                self.save(name, data)
            self.late = ()
        super().drain()


def a_sequence_resumes_below_its_limit(patch: pytest.MonkeyPatch) -> None:
    class Resuming(SenderSequence):
        def __init__(self, limit: int) -> None:
            super().__init__(limit)
            self._next = max(0, limit - 1024)

    patch.setattr("gateway.vault.keys.SenderSequence", Resuming)


def a_sequence_is_used_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    def reserve(sequences: Sequences, key: Key) -> int:
        number = original(sequences, key)
        if number and key.oscore is not None:
            limit = key.oscore.sender_sequence.reservation
            key.oscore.sender_sequence.reserved(limit or 0)
        return number

    original = Sequences.reserve
    patch.setattr(Sequences, "reserve", reserve)


def replays_are_not_detected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ReplayWindow, "is_new", lambda window, sequence: True)
    patch.setattr(ReplayWindow, "accept", lambda window, sequence: None)


def a_window_is_known_after_a_reboot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("gateway.vault.keys.ReplayWindow", lambda is_new: ReplayWindow(True))


def ids_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Receipts, "last_id", lambda receipts, kid: -1)
    patch.setattr(Receipts, "final", lambda receipts, kid, command_id: None)


def receipts_are_not_looked_for_at_boot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Records, "names", lambda records, prefix: [])


def an_intent_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def store_intent(receipts: Receipts, receipt: Receipt) -> None:
        original(receipts, receipt)
        receipt.change = 0

    original = Receipts.store_intent
    patch.setattr(Receipts, "store_intent", store_intent)


def an_outcome_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def finish(receipts: Receipts, receipt: Receipt) -> None:
        original(receipts, receipt)
        receipt.change = receipts.change = 0

    original = Receipts.finish
    patch.setattr(Receipts, "finish", finish)


def a_new_key_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def add(keys: Keys, *arguments: Any) -> int:
        original(keys, *arguments)
        return 0

    def note(ledger: Ledger, *args: Any) -> int:
        noted(ledger, *args)
        return 0

    original, noted = Keys._add, Ledger.add
    patch.setattr(Keys, "_add", add)
    patch.setattr(Ledger, "add", note)


def a_revocation_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def revoke(keys: Keys, *arguments: Any) -> int:
        original(keys, *arguments)
        return 0

    def note(ledger: Ledger, *arguments: Any) -> int:
        noted(ledger, *arguments)
        return 0

    original, noted = Keys.revoke, Ledger.add
    patch.setattr(Keys, "revoke", revoke)
    patch.setattr(Ledger, "add", note)
    patch.setattr(Receipts, "forget", lambda receipts, kid: 0)


def a_use_is_not_stored(patch: pytest.MonkeyPatch) -> None:
    def spend(uses: Uses) -> None:
        uses.left -= 1
        uses._reserved -= 1

    patch.setattr(Uses, "spend", spend)


def frames_are_cancelled_for_us_only(patch: pytest.MonkeyPatch) -> None:
    def cancel(engine: CommandEngine, transmission: Transmission) -> None:
        transmission.is_cancelled = True

    patch.setattr(CommandEngine, "_cancel", cancel)


def nobody_is_answered_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Endpoint, "respond", lambda endpoint, request, answer, now_ms: None)


def saves_are_acknowledged_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(World, "shell_type", HastyShell)


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (a_sequence_resumes_below_its_limit, Promise.NONCE_SEALS_ONCE),
        (a_sequence_is_used_before_it_is_durable, Promise.NONCE_SEALS_ONCE),
        (replays_are_not_detected, Promise.NONCE_SEALS_ONCE),
        (a_window_is_known_after_a_reboot, Promise.NONCE_SEALS_ONCE),
        (ids_are_forgotten, Promise.ID_ACTS_ONCE),
        (receipts_are_not_looked_for_at_boot, Promise.ID_ACTS_ONCE),
        (an_intent_is_not_waited_for, Promise.INTENT_COMES_FIRST),
        (frames_are_cancelled_for_us_only, Promise.NO_FRAME_IS_LATE),
        (an_outcome_is_not_waited_for, Promise.OUTCOME_COMES_FIRST),
        (a_new_key_is_not_waited_for, Promise.KEY_STAYS),
        (a_revocation_is_not_waited_for, Promise.REVOKED_STAYS),
        (a_use_is_not_stored, Promise.USES_ARE_COUNTED),
        (nobody_is_answered_later, Promise.NOTHING_STICKS),
        (saves_are_acknowledged_early, Promise.INTENT_COMES_FIRST),
        (saves_are_acknowledged_early, Promise.OUTCOME_COMES_FIRST),
        (saves_are_acknowledged_early, Promise.OUTCOME_STAYS),
        (saves_are_acknowledged_early, Promise.NONCE_SEALS_ONCE),
        (saves_are_acknowledged_early, Promise.KEY_STAYS),
    ],
    ids=lambda value: value.name if isinstance(value, Promise) else value.__name__,
)
def test_a_broken_promise_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], promise: Promise, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    monkeypatch.setattr(World, "held_to", frozenset({promise}))
    with pytest.raises(AssertionError, match=promise.value):
        seed(SOON)(SEARCH(given(histories)(play)))()
