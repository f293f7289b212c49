"""A trial ends with a minute without an error and a request of an owner, or it starts again."""

from types import SimpleNamespace
from typing import Any

import pytest

from firmware.crash_log import CrashLog
from firmware.health import Health
from firmware.sleeper import Sleeper
from firmware.slot_writer import SlotWriter
from firmware.slots import CONFIRMED, FACTORY, TRIES, Slots
from firmware.trial import Trial
from gateway.coap.numbers import CHANGED, GET, PUT
from tests.models.host import Host
from tests.models.shell import Shell
from tests.power.chip import Chip, Partition

MINUTE_MS = 60_000


class RestartedError(Exception):
    """The board starts again."""


class Board:
    """A board whose firmware is on trial; `turn` ends a turn of its loop that was well."""

    def __init__(self, storage: dict[str, bytes] | None = None) -> None:
        self.chip = Chip(10)
        self._parts = [Partition(self.chip, *part) for part in ((0, 2), (2, 4), (6, 4))]
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

    def fail(self, now_ms: int, come_ms: int | None = None) -> bool:
        return self.health.note_error(MemoryError(), now_ms, {}, lambda line: None, come_ms)

    def fail_for(self, host: Host | None, now_ms: int) -> bool:
        """End what a host asks, or a stranger, in an error; tell whether it is excused."""
        self.shell.advance(now_ms - self.shell.now_ms)
        if host is None:
            self.shell.receive_datagram(b"\x51\x02\0\0\0", "stranger")
        else:
            host.send(host.protect(GET, ["system"]))
        self.shell.datagrams.clear()
        return self.fail(now_ms, now_ms)

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


def other(owner: Host, role: str) -> Host | None:
    """Return the host of somebody in this role who was heard before, None for a stranger."""
    if role == "stranger":
        return None
    fields = {"scopes": ["system:read"]} if role == "service" else {}
    host = owner.enrol(name=role, role=role, **fields)
    host.request(GET, ["system"])
    return host


@pytest.mark.parametrize("role", ["stranger", "viewer", "driver", "service"])
@pytest.mark.parametrize("pause_ms", [700, 3700, 30_000])
def test_who_is_no_owner_neither_holds_it_up_nor_ends_it(role: str, pause_ms: int) -> None:
    board = Board()
    owner = owner_of(board)
    rival = other(owner, role)
    for now_ms in range(1000, MINUTE_MS, pause_ms):
        owner.request(GET, ["system"])
        assert board.fail_for(rival, now_ms)
        board.turn(now_ms)
    assert not board.is_confirmed
    board.shell.advance(MINUTE_MS + 1000 - board.shell.now_ms)
    owner.request(GET, ["system"])
    board.turn(MINUTE_MS + 1000)
    assert board.is_confirmed


def test_an_owner_ends_it() -> None:
    board = Board()
    rival = owner_of(board)
    assert not board.fail_for(rival, 1000)
    board.turn(1000 + MINUTE_MS - 1)
    assert not board.is_confirmed
    for now_ms in range(60_001, 60_016):
        assert not board.fail_for(rival, now_ms)
    with pytest.raises(RestartedError):
        board.fail_for(rival, 60_016)


def test_what_fails_for_everybody_once_an_owner_was_served_is_not_confirmed() -> None:
    """A leak that leaves no room to verify anything looks like errors of strangers."""
    board = Board()
    owner_of(board)
    for now_ms in range(30_000, 10 * MINUTE_MS, 1000):
        assert board.fail_for(None, now_ms)
        board.turn(now_ms)
        assert not board.is_confirmed
    with pytest.raises(RestartedError):
        board.turn(10 * MINUTE_MS)


def test_an_error_of_nobodys_counts_whoever_asks_meanwhile() -> None:
    board = Board()
    owner_of(board)
    assert not board.fail(59_000)
    board.turn(61_000)
    assert not board.is_confirmed


def test_it_is_not_said_to_be_confirmed_before_that_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = Board()
    owner_of(board)
    writer = SlotWriter(board.slots, "emulator", board.crashes, 1)
    with monkeypatch.context() as broken:
        broken.setattr(Partition, "writeblocks", lambda *_: -5)
        with pytest.raises(OSError, match="5"):
            board.turn(MINUTE_MS)
    assert writer.is_trial
    assert not board.is_confirmed
    board.turn(MINUTE_MS + 1000)
    assert board.is_confirmed
    assert not writer.is_trial


class Power:
    """The board's part in sleeping: the timer woke it, and it measures no voltage."""

    woken_by = "timer"
    pace = 1

    def supply_mv(self) -> None:
        return None


class Silent:
    """A cable or a bus on which nothing was heard."""

    heard_ms = 0


def test_a_stored_board_does_not_sleep_before_it_is_over() -> None:
    board = Board()
    owner = owner_of(board)
    stored = {"power": {"mode": "stored", "interval_s": 900, "low_mv": 12_200}}
    assert owner.request(PUT, ["settings"], stored).code == CHANGED
    on_board: Any = SimpleNamespace(log=board.logs.append, power=Power())
    silent: Any = Silent()
    gateway = board.shell.gateway
    sleeper = Sleeper(on_board, gateway, silent, [silent], board.health, False, 0, 0)
    assert not sleeper.may_sleep(9 * MINUTE_MS)
    board.turn(9 * MINUTE_MS)
    assert board.is_confirmed
    assert sleeper.may_sleep(9 * MINUTE_MS + 1000)
