"""A trial ends with a minute without an error and a request of an owner, or it starts again."""

from typing import Any

import pytest

from firmware.crash_log import CrashLog
from firmware.health import Health
from firmware.slots import CONFIRMED, FACTORY, TRIES, Slots
from firmware.trial import Trial
from gateway.coap.numbers import GET
from tests.models.host import Host
from tests.models.shell import Shell
from tests.power.chip import Chip, Partition

MINUTE_MS = 60_000


class RestartedError(Exception):
    """The board starts again."""


class Board:
    """A board whose firmware is on trial; `turn` ends a turn of its loop that was well."""

    def __init__(self, storage: dict[str, bytes] | None = None) -> None:
        chip = Chip(10)
        self._parts = [Partition(chip, *part) for part in ((0, 2), (2, 4), (6, 4))]
        self.slots = self.read()
        self.slots.activate(1, FACTORY, 0)
        self.shell = Shell({} if storage is None else storage)
        self.crashes = CrashLog()
        self.logs: list[str] = []
        self.health = Health(self.crashes, lambda: None, self.restart, False)
        self.health.trial = Trial(
            self.slots, self.shell.gateway, self.crashes, self.logs.append, self.restart
        )

    def read(self) -> Slots:
        """Return what is durable."""
        boot, a, b = self._parts
        return Slots(boot, (a, b))

    def restart(self) -> None:
        raise RestartedError

    def turn(self, now_ms: int) -> None:
        self.health.turn_was_well(now_ms)

    def fail(self, now_ms: int) -> None:
        self.health.note_error(ValueError(), now_ms, {}, lambda line: None)

    @property
    def is_confirmed(self) -> bool:
        return self.read().tries == CONFIRMED


@pytest.fixture(autouse=True)
def micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.health.trace_of", lambda error: "")


def paired() -> dict[str, bytes]:
    """Return the storage of a board with an owner, and nothing else."""
    shell = Shell()
    Host.pair(shell)
    return shell.storage


def owner_of(board: Board) -> Host:
    return Host.pair(board.shell)


def test_a_minute_and_an_owner_confirm_it() -> None:
    board = Board()
    owner_of(board)
    board.turn(MINUTE_MS - 1)
    assert not board.is_confirmed
    board.turn(MINUTE_MS + 1000)
    assert board.is_confirmed
    assert board.health.trial is None
    assert board.logs == ["the update in slot a is confirmed"]


def test_an_owner_who_is_only_known_does_not_count() -> None:
    board = Board(paired())
    board.turn(MINUTE_MS)
    assert not board.is_confirmed


def test_somebody_else_does_not_count() -> None:
    before = Board()
    driver = owner_of(before).enrol(name="bob", role="driver")
    board = Board(before.shell.storage)
    driver.shell = board.shell
    assert driver.request(GET, ["system"]).code == 0x45
    board.turn(MINUTE_MS)
    assert not board.is_confirmed


def test_the_minute_begins_anew_with_each_error() -> None:
    board = Board()
    owner_of(board)
    board.fail(59_000)
    board.turn(61_000)
    assert not board.is_confirmed
    board.turn(59_000 + MINUTE_MS)
    assert board.is_confirmed


def test_it_is_not_confirmed_during_a_command() -> None:
    board = Board()
    board.shell.acknowledges_frames = False
    owner = owner_of(board)
    owner.post("lock", owner.command("lock"))
    board.turn(MINUTE_MS)
    assert not board.is_confirmed


@pytest.mark.parametrize("has_owner", [True, False])
def test_after_ten_minutes_it_starts_again_and_says_why(has_owner: bool) -> None:
    board = Board(paired())
    if has_owner:
        board = Board()
        owner_of(board)
    for now_ms in range(1000, 10 * MINUTE_MS, 30_000):
        board.turn(now_ms)
        if has_owner:
            board.fail(now_ms)
    with pytest.raises(RestartedError):
        board.turn(10 * MINUTE_MS)
    last: Any = board.crashes.last
    why = "errors again and again," if has_owner else "no owner asked"
    assert last["reason"] == f"on trial: {why} for ten minutes"
    assert last["early"] == 0
    assert board.read().tries == TRIES
