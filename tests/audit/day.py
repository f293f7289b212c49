"""A day of a car and its gateway, with every function on; at home, from its first minute.

    paired, consent to everything ─▶ driving ─▶ power cut while driving ─▶ driving ─▶ parked
    ─▶ the next day, export ─▶ asleep ─▶ power cut while asleep ─▶ erased ─▶ another owner

The wall time moves on by a day; each state of the car lasts as long as the audit may take.
"""

import time
from typing import Any

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CHANGED, GET, NON, OBSERVE, POST, URI_PATH
from tests.attack.lan import Lan
from tests.audit.board import Board
from tests.models.host import Host

ALL_COAP_NODES = "224.0.1.187"

_KPH = 50
_ASLEEP_S = 5
_LONGEST_DRIVE_S = 3600
_OFTEN_S = 0.5
_SELDOM = 20  # rounds
_CORE = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]


class Day:
    """What happens to a board; `seconds` in each state, and what was said so far.

    blocks: that were exported.
    """

    def __init__(self, board: Board, everyone: Lan, seconds: float) -> None:
        """everyone: the group of all CoAP nodes, from the owner's PC."""
        self.requests = self.notifications = self.unanswered = self.blocks = 0
        self._board = board
        self._everyone = everyone
        self._seconds = seconds
        self._locks = 0

    def live(self) -> None:
        """Live through it."""
        board = self._board
        board.pair()
        self._observe()
        board.sim("set", values={"sleep_after": 3600})
        for _ in range(2):
            drive_s = min(max(self._seconds, 2), _LONGEST_DRIVE_S)
            board.sim("drive", kph=_KPH, seconds=drive_s)
            self._use(self._seconds)
            self._cut_power()
        board.sim("brake")
        self._use(self._seconds)
        board.next_day()
        self._cut_power()
        self._export()
        board.sim("set", values={"sleep_after": 1})
        self._watch(self._seconds)
        self._cut_power()
        self._watch(_ASLEEP_S)
        self._end()

    def _cut_power(self) -> None:
        self._board.cut_power()
        self._board.tell_time(60)
        self._observe()

    def _observe(self) -> None:
        """Be told what changes, from now on."""
        watcher = self._board.host.enrol()
        self._watching = self._board.lan()
        watcher.shell = self._watching  # type: ignore[assignment]
        for path in (["lock"], ["records", "live"]):
            self._ask(*path, host=watcher, options=[(OBSERVE, b"")])

    def _use(self, seconds: float) -> None:
        """Look, command, ask for others on the link, over both ways, again and again."""
        board = self._board
        end_s = time.monotonic() + seconds
        number = 0
        while number == 0 or time.monotonic() < end_s:
            if number % _SELDOM == 0:
                self._seldom()
            self._ask("lock")
            self.notifications += len(self._watching.drain())
            board.sim("set", values={"sun": 100.0 + number % 900})
            number += 1
            time.sleep(_OFTEN_S)

    def _seldom(self) -> None:
        board = self._board
        self._locks += 1
        for by_cable in (False, True):
            board.lock(("lock", "unlock")[self._locks % 2], by_cable)
            board.climate(self._locks % 2 == 0, by_cable)
            self.requests += 2
        self._discover()
        for path in (["signals"], ["system"], ["time"], ["records"]):
            self._ask(*path)

    def _ask(self, *path: str, host: Host | None = None, **more: Any) -> None:
        """Ask for something; count it if there is no answer, for a full heap may have none."""
        self.requests += 1
        try:
            (host or self._board.host).request(GET, list(path), **more)
        except AssertionError:
            self.unanswered += 1

    def _discover(self) -> None:
        """Ask whoever is there, and take in what comes."""
        asked = message.encode(Message(NON, GET, self.requests & 0xFFFF, b"who", _CORE))
        self._everyone.socket.send(asked)
        self.requests += 1

    def _watch(self, seconds: float) -> None:
        """Leave it alone but for a look now and then; a car that is left alone falls asleep."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(min(_ASLEEP_S, seconds))
            self._ask("lock")
            self.notifications += len(self._watching.drain())

    def _export(self) -> None:
        owner = self._board.owner
        self.requests += 3
        try:
            self.blocks = len(owner.sealed_blocks())
            owner.ledger()
            owner.host.principals()
        except AssertionError:
            self.unanswered += 1

    def _end(self) -> None:
        """Erase, give the car to somebody else, and let them pair."""
        board = self._board
        assert board.owner.erase().code >> 5 == 2
        starts = board.starts()
        board.owner.erase("owner-change")
        board.wait_for_start(starts)
        board.pair()
        assert board.host.request(POST, ["time"], {"unix_s": 0}).code != CHANGED
