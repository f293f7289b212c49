"""A session of updates: one confirmed, one that breaks off and then fails its trial, and the next.

It ends with a history as the other sessions', and beside it what became of each package.
"""

import hashlib
from dataclasses import dataclass, field
from random import Random

from carport.install.romfs import rom_image
from gateway import package
from gateway.coap import block
from gateway.coap.numbers import BLOCK1, CHANGED, CONTENT, CONTINUE, GET, POST, PUT
from tests.power.board import VmBoard
from tests.power.promises import Change, HeldKey, Mark
from tests.power.session import HEAT, LOCK, MONDAY_S, UNLOCK, History, Session

BOARD = "emulator"
MPY = 6
PIECE_BYTES = 512
SZX = 5
TRIES = 2
WELL_MS = 61_000
RESTART_MS = 1500

FACTORY = b""  # in the place of a package's hash: what was flashed


def make_package(seed: int, package_bytes: int) -> bytes:
    """Return a package of so many bytes, with a file system of one file in it."""
    content = Random(seed).randbytes(package_bytes)
    while len(payload := rom_image({"x": content})) > package_bytes - package.HEAD_BYTES:
        content = content[1:]
    head = {
        "version": f"0.9.{seed}",
        "board": BOARD,
        "size": len(payload),
        "sha256": hashlib.sha256(payload).digest(),
        "mpy": MPY,
    }
    return package.encode(head) + payload


def hash_in(content: bytes) -> bytes:
    """Return the hash in the head of a package."""
    return package.decode(content[: package.HEAD_BYTES]).sha256


FIRST = make_package(1, 8192)  # two sectors, to their end
SECOND = make_package(2, 9300)
THIRD = make_package(3, 1500)
PACKAGES = {hash_in(each): each for each in (FIRST, SECOND, THIRD)}


@dataclass(frozen=True)
class State:
    """What the board starts: a package by its hash, how often yet, and what it goes back to.

    tries: None once it is confirmed.
    """

    active: bytes = FACTORY
    tries: int | None = None
    previous: bytes = FACTORY

    def activated(self, sha256: bytes) -> "State":
        return State(sha256, TRIES, self.active)

    def started(self) -> "State":
        if self.tries is None:
            return self
        return State(self.active, self.tries - 1, self.previous) if self.tries else self.given_up()

    def confirmed(self) -> "State":
        return State(self.active)

    def given_up(self) -> "State":
        return State(self.previous)


@dataclass
class Step(Change):
    """Something that changes what the board starts: a package that is activated, or a start."""

    sha256: bytes | None = None
    is_confirmed: bool = False

    def after(self, state: State) -> State:
        if self.sha256 is not None:
            return state.activated(self.sha256)
        return state.confirmed() if self.is_confirmed else state.started()


@dataclass
class Sent(Change):
    """A piece of a package, and how much of it is there with this one."""

    sha256: bytes = b""
    size: int = 0


@dataclass
class Updates:
    """What became of the packages."""

    steps: list[Step] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def states(self, cut: Mark) -> set[State]:
        """Return what the board may start next after a cut."""
        states = {State()}
        for step in self.steps:
            if step.is_begun(cut):
                after = {step.after(state) for state in states}
                states = after if step.is_told(cut) else states | after
        return states


@dataclass
class UpdateHistory(History):
    """The history, with what became of the packages."""

    updates: Updates = field(default_factory=Updates)


class UpdateSession(Session):
    """Plays an owner who updates the board."""

    def __init__(self, board: VmBoard) -> None:
        Session.__init__(self, board)
        self.updates = Updates()

    def play(self) -> UpdateHistory:
        """Live through the session."""
        board = self.board
        board.may_restart = True
        board.make(False)
        self.reboot()
        formatted = board.mark
        owner = self.pair("ann")
        self.arm(owner)
        self.tell_time(owner, MONDAY_S)
        driver = self.enrol(owner, name="bob", role="driver")
        self.car.send()
        self.command(owner, LOCK, self.obey)
        self.send(owner, FIRST)
        self.start(owner, FIRST)
        self.prove(owner)
        self.car.send()
        self.command(owner, UNLOCK, self.obey)
        self.send(owner, SECOND, pieces=12)
        self.reboot()
        self.send(owner, SECOND)
        self.start(owner, SECOND)
        self.car.send()
        self.command(driver, LOCK, self.obey)
        self.reboot()
        self.reboot()
        self.send(owner, THIRD)
        self.start(owner, THIRD)
        self.prove(owner)
        self.car.send()
        for wish in (UNLOCK, HEAT):
            self.command(owner, wish, self.obey)
        return self.history(UpdateHistory, formatted, updates=self.updates)

    def send(self, by: HeldKey, content: bytes, pieces: int | None = None) -> None:
        """Send a package from where the board has it, or so many pieces of it."""
        start = received(by, content) // PIECE_BYTES
        for number in range(start, -(-len(content) // PIECE_BYTES))[:pieces]:
            size = min((number + 1) * PIECE_BYTES, len(content))
            sent = Sent(self.board.mark, None, hash_in(content), size)
            self.updates.sent.append(sent)
            put(by, content, number)
            self.told(sent, by.host)

    def start(self, by: HeldKey, content: bytes) -> None:
        """Let the board start a package, which it does by itself."""
        step = Step(self.board.mark, None, hash_in(content))
        self.updates.steps.append(step)
        activate(by, content)
        self.told(step, by.host)
        self.board.advance(RESTART_MS)
        assert self.board.wants_restart
        self.reboot()

    def prove(self, by: HeldKey) -> None:
        """Let what is on trial prove itself."""
        step = Step(self.board.mark, is_confirmed=True)
        self.updates.steps.append(step)
        wait_for_trial(self.board, by)
        self.told(step, by.host)

    def _power_on(self, *arguments: object, **more: object) -> None:
        step = Step(self.board.mark)
        self.updates.steps.append(step)
        Session._power_on(self, *arguments, **more)  # type: ignore[arg-type]
        step.told = self.board.started.mark


def received(by: HeldKey, content: bytes) -> int:
    """Return how much of a package the board has."""
    receiving = by.host.request(GET, ["update"]).value.get("receiving")
    is_ours = receiving is not None and receiving["sha256"] == hash_in(content)
    return int(receiving["received"]) if is_ours else 0


def put(by: HeldKey, content: bytes, number: int) -> None:
    """Send a piece of a package, which the board takes."""
    start = number * PIECE_BYTES
    more = start + PIECE_BYTES < len(content)
    piece = content[start : start + PIECE_BYTES]
    option = (BLOCK1, block.encode(number, more, SZX))
    answer = by.host.request(PUT, ["update"], piece, options=[option])
    assert answer.code == (CONTINUE if more else CHANGED), answer


def activate(by: HeldKey, content: bytes) -> None:
    """Let the board start a package."""
    answer = by.host.request(POST, ["update"], {"sha256": hash_in(content)})
    assert answer.code == CHANGED, answer


def wait_for_trial(board: VmBoard, by: HeldKey) -> None:
    """Ask as long as the trial lasts."""
    for _ in range(2):
        answer = by.host.request(GET, ["update"])
        assert answer.code == CONTENT
        board.advance(WELL_MS)
    assert by.host.request(GET, ["update"]).value["trial"] is False
