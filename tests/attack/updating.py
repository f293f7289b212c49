"""Firmware that nobody asked for: recorded, held back, a driver's, a stranger's, or not for it.

The board here has the real loader, writer and core; its slots are on a flash chip in RAM, and what
is in them is not run. An attacker has won once the flash has changed: what is in a slot, or the
record of which one runs.
"""

from typing import Any

from gateway.coap import block
from gateway.coap.numbers import BLOCK1, CONTENT, ECHO, GET, POST, PUT, URI_QUERY
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.models.host import Host, client_context, plain
from tests.models.slot_board import PIECE, SlotBoard, activate, hash_of, make, send

_OLD, _NEW = make(3 * PIECE, seed=1), make(3 * PIECE, seed=2)
_FIRST = [(BLOCK1, block.encode(0, True, 5))]
_FORCE = [(URI_QUERY, b"force")]
_PAUSE_MS = 1000


class Owned:
    """A board and its owner; `heard`: all that the owner has sent."""

    def __init__(self) -> None:
        self.board = SlotBoard()
        self.owner = Host.pair(self.board.shell)
        self.heard: list[bytes] = []
        self._listen()

    def update(self, content: bytes) -> None:
        """Let the owner bring a package, which proves itself."""
        send(self.owner, content)
        assert activate(self.owner, content).code >> 5 == 2
        self.reboot()
        self.board.prove()

    def reboot(self) -> None:
        """Start the board again."""
        self.board = self.board.reboot()
        self.owner.shell = self.board.shell
        self._listen()

    def deliver(self, outcome: Outcome, datagrams: list[bytes], peer: str) -> None:
        """Bring the board what the owner has not sent now; see whether anything is written."""
        before = bytes(self.board.flash.chip.image)
        for data in datagrams:
            self.board.shell.advance(_PAUSE_MS)
            self.board.shell.receive_datagram(data, peer)
        is_changed = bytes(self.board.flash.chip.image) != before
        outcome.note(is_changed, "nothing is written", len(datagrams))

    def ask(self, outcome: Outcome, host: Host, code: int, content: bytes, **more: Any) -> None:
        """Begin a package, or start it, as somebody with a key."""
        before = bytes(self.board.flash.chip.image)
        options = more.pop("options", [])
        if code == PUT:
            answer = host.request(PUT, ["update"], content[:PIECE], options=_FIRST + options)
        else:
            answer = host.request(POST, ["update"], {"sha256": hash_of(content)}, options=options)
        is_changed = bytes(self.board.flash.chip.image) != before
        text = answer.payload.decode(errors="replace")[:40]
        outcome.note(is_changed, f"{answer.code >> 5}.{answer.code & 31:02} {text}")

    def _listen(self) -> None:
        shell = self.board.shell
        receive = shell.receive_datagram

        def overhear(data: bytes, peer: Any = "host", cable: bool = False) -> None:
            self.heard.append(data)
            receive(data, peer, cable)

        shell.receive_datagram = overhear  # type: ignore[method-assign]


def recorded(stage: CoreStage, is_quick: bool) -> Outcome:
    """Send a whole recorded update again, in every way, when another one has taken its place."""
    outcome = Outcome()
    owned = Owned()
    owned.update(_OLD)
    session = list(owned.heard)
    owned.update(_NEW)
    for has_asked in (True, False):  # before the board has heard its owner, and after
        owned.reboot()
        if has_asked:
            assert owned.owner.request(GET, ["system"]).code == CONTENT
        for peer in (owned.owner.peer, "elsewhere"):
            owned.deliver(outcome, session, peer)
            owned.deliver(outcome, _renumbered(session), peer)
    return outcome


def held_back(stage: CoreStage, is_quick: bool) -> Outcome:
    """Keep back the begin of an update, or its start, with a fresh Echo; deliver it late."""
    outcome = Outcome()
    for minutes in (0.2, 10, 24 * 60):
        for code in (PUT, POST):
            owned = Owned()
            if code == POST:
                send(owned.owner, _OLD)
            kept = _fresh(owned.owner, code, _OLD)
            owned.board.shell.advance(round(60_000 * minutes))
            owned.deliver(outcome, [kept], owned.owner.peer)
    return outcome


def without_a_right(stage: CoreStage, is_quick: bool) -> Outcome:
    """Begin a package, and start the owner's, with the keys of everybody else."""
    outcome = Outcome()
    owned = Owned()
    send(owned.owner, _OLD)
    for name, role, more in (
        ("bob", "driver", {}),
        ("dashboard", "viewer", {}),
        ("gil", "guest", {"uses": 9}),
        ("bridge", "service", {"scopes": ["update"]}),
        ("deb", "driver", {"scopes": ["update"]}),
    ):
        other = owned.owner.enrol(name=name, role=role, **more)
        for code, content in ((PUT, _NEW), (POST, _OLD)):
            owned.ask(outcome, other, code, content)
            if owned.board.slots.is_trial:
                return outcome
    return outcome


def without_a_key(stage: CoreStage, is_quick: bool) -> Outcome:
    """Begin a package, and start the owner's, with other keys under the owner's id, or none."""
    outcome = Outcome()
    owned = Owned()
    send(owned.owner, _OLD)
    for guess in range(1, 2 if is_quick else 100):
        context = client_context(bytes((guess,)) * 16, owned.owner.kid, b"\0")
        context.sender_sequence = owned.owner.context.sender_sequence
        guesser = Host(owned.board.shell, context, owned.owner.peer, next_message_id=guess << 8)
        for code, content in ((PUT, _NEW), (POST, _OLD)):
            forged = _fresh(guesser, code, content, owned.owner)
            owned.deliver(outcome, [forged], owned.owner.peer)
            owned.board.shell.datagrams.clear()
    for code, payload in ((PUT, _NEW[:PIECE]), (POST, b"")):
        answer, _ = plain(owned.board.shell, code, ["update"], payload)
        outcome.note(answer >> 5 == 2, "nothing is written")
    return outcome


def for_another_board(stage: CoreStage, is_quick: bool) -> Outcome:
    """Begin, as an owner, a package with other pins, or for another MicroPython."""
    outcome = Outcome()
    for fields in ({"board": "t-2can"}, {"board": "emulato"}, {"board": ""}, {"mpy": 5}):
        for on_cable in (False, True):
            owned = Owned()
            owned.owner.on_cable = on_cable
            for options in ([], _FORCE):
                content = make(3 * PIECE, **fields)
                owned.ask(outcome, owned.owner, PUT, content, options=options)
    return outcome


def older(stage: CoreStage, is_quick: bool) -> Outcome:
    """Begin an older version over the network; start one that the owner forced over the cable."""
    outcome = Outcome()
    for version in ("0.0.9", "0.0.9999", "00.00.01"):
        content = make(3 * PIECE, version=version)
        for query in ([], _FORCE, [(URI_QUERY, b"force=1")], _FORCE * 2):
            owned = Owned()
            owned.ask(outcome, owned.owner, PUT, content, options=query)
        owned = Owned()
        _force(owned.owner, content)
        owned.ask(outcome, owned.owner, POST, content, options=_FORCE)
    return outcome


def renumbered(stage: CoreStage, is_quick: bool) -> Outcome:
    """Bring an old firmware under a new number, with an owner's key."""
    outcome = Outcome()
    owned = Owned()
    content = make(3 * PIECE, version="99.0.0")
    owned.ask(outcome, owned.owner, PUT, content)
    send(owned.owner, content)
    owned.ask(outcome, owned.owner, POST, content)
    return outcome


def _force(owner: Host, content: bytes) -> None:
    """Send an older package over the cable."""
    owner.on_cable = True
    for num in range(-(-len(content) // PIECE)):
        piece = content[num * PIECE : (num + 1) * PIECE]
        option = (BLOCK1, block.encode(num, (num + 1) * PIECE < len(content), 5))
        answer = owner.request(PUT, ["update"], piece, options=[option, *_FORCE])
        assert answer.code >> 5 == 2, answer
    owner.on_cable = False


def _fresh(host: Host, code: int, content: bytes, asker: Host | None = None) -> bytes:
    """Return a request with a fresh Echo that asker was given, which was not sent."""
    options = [(ECHO, (asker or host).challenge())]
    if code == PUT:
        return host.protect(PUT, ["update"], content[:PIECE], options=_FIRST + options)
    return host.protect(POST, ["update"], {"sha256": hash_of(content)}, options=options)


def _renumbered(session: list[bytes]) -> list[bytes]:
    """Return messages with other ids, so that none is a copy of one that was answered."""
    return [
        data[:2] + (0x7000 + number).to_bytes(2, "big") + data[4:]
        for number, data in enumerate(session)
    ]
