"""How fast records leave a board, beside a bare transfer, and what its heap holds meanwhile.

The board has the flash of a simulated recording (recording.py), and goes on recording.
"""

import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import cbor, slipmux
from gateway.coap.numbers import GET, POST
from tests.bench import loopback
from tests.bench.board import Board, Noted
from tests.bench.owner import TIME_S, Owner

BLOCKS = 40
BITS_A_BYTE = 10  # on a serial line: a start bit and a stop bit

LOCKS = 40
_PAUSE_FRAMES = 24
_ANSWER_S = 2.0

# What the other end of the bare pty does: so many bytes in, so many out.
_PEER = """
import os, sys, tty
path, asked, given = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
tty.setraw(fd)
os.write(fd, b"!")
while True:
    got = 0
    while got < asked:
        got += len(os.read(fd, asked - got))
    os.write(fd, bytes(given))
"""


@dataclass(frozen=True)
class Transfer:
    """Blocks over one link: their bytes, how long it took, and a bare transfer of as many.

    wire_bytes: all that was sent and received for them. exchanges: requests and answers.
    """

    payload_bytes: int
    wire_bytes: int
    exchanges: int
    taken_s: float
    bare_s: float

    @property
    def rate(self) -> float:
        """Bytes of blocks a second."""
        return self.payload_bytes / self.taken_s

    @property
    def share(self) -> float:
        """Of the bare transfer's rate."""
        return self.bare_s / self.taken_s


@dataclass(frozen=True)
class Export:
    """Free heap in bytes, when recording and ready, and with everything loaded; the transfers.

    loaded_bytes is 0 if it does not even get there. is_collected: for each lock with everything
    loaded, until one of them is not answered for want of room, whether there was a collection.
    """

    ready_bytes: int
    loaded_bytes: int
    is_collected: list[bool]
    used_bytes: list[int]
    lan: Transfer
    serial: Transfer


def measure(folder: Path, state: list[Any]) -> Export:
    """Measure all of it on one board, whose flash is in folder."""
    with Board(folder, state) as board:
        ready_bytes = int(board.ask_probe(b"free"))
        owner = Owner(board.host, board.exchange)
        owner.ask(POST, b"time", {"unix_s": TIME_S + 86_400})
        with loopback.one_cpu(board.pid):
            lan = _over_lan(board, owner)
            serial = _over_serial(board)
        loaded_bytes = 0
        watched: list[Noted] = []
        try:
            _load_everything(board, owner)
            loaded_bytes = int(board.ask_probe(b"free"))
            for _ in range(LOCKS):
                watched += loopback.watch_locks(board, 1, _PAUSE_FRAMES)
        except TimeoutError:  # no room for a datagram: the report says how far it came
            pass
    return Export(
        ready_bytes,
        loaded_bytes,
        [noted.is_collected for noted in watched],
        [noted.used_bytes for noted in watched if not noted.is_collected],
        lan,
        serial,
    )


def _load_everything(board: Board, owner: Owner) -> None:
    """Ask for all that there is, and go on observing: as everything at once on a busy day."""
    for _ in range(_PAUSE_FRAMES):
        board.send_frames()
        time.sleep(0.003)
    board.drain_cable()
    for path in (b"lock", b"records/live", b"signals"):
        owner.ask(GET, path, is_observing=True)
    for path in (b"keys", b"consent", b"settings", b"ledger", b"records", b"system"):
        owner.ask(GET, path)


class _Counted:
    """An exchange whose bytes and answers are counted."""

    def __init__(self, exchange: Callable[[bytes], bytes]) -> None:
        self._exchange = exchange
        self.asked: list[int] = []
        self.given: list[int] = []

    def __call__(self, request: bytes) -> bytes:
        answer = self._exchange(request)
        self.asked.append(len(request))
        self.given.append(len(answer))
        return answer


def _blocks(owner: Owner) -> list[int]:
    return [row[0] for row in cbor.decode(owner.ask(GET, b"records/index/0"))][:BLOCKS]


def _fetch(board: Board, exchange: _Counted, numbers: list[int]) -> tuple[int, float]:
    """Return the bytes of these blocks, and how long they took."""
    owner = Owner(board.host, exchange)
    start_s = time.perf_counter()
    size = sum(len(owner.ask(GET, b"records/%d" % number)) for number in numbers)
    return size, time.perf_counter() - start_s


def _over_lan(board: Board, owner: Owner) -> Transfer:
    exchange = _Counted(board.exchange)
    size, taken_s = _fetch(board, exchange, _blocks(owner))
    start_s = time.perf_counter()
    for asked, given in zip(exchange.asked, exchange.given, strict=True):
        board.ask_probe((b"give" + given.to_bytes(2, "big")).ljust(asked))
    bare_s = time.perf_counter() - start_s
    sent = sum(exchange.asked) + sum(exchange.given)
    return Transfer(size, sent, len(exchange.asked), taken_s, bare_s)


def _over_serial(board: Board) -> Transfer:
    exchange = _Counted(board.exchange_by_cable)
    board.drain_cable()
    numbers = _blocks(Owner(board.host, board.exchange_by_cable))
    size, taken_s = _fetch(board, exchange, numbers)
    # The frames' own bytes: those that are escaped are few, and left out.
    extra = len(slipmux.encode_coap(b"\x40\0\0\0")) - 4
    asked = round(sum(exchange.asked) / len(exchange.asked)) + extra
    given = round(sum(exchange.given) / len(exchange.given)) + extra
    count = len(exchange.asked)
    return Transfer(
        size, count * (asked + given), count, taken_s, _bare_pty_s(asked, given, count)
    )


def _bare_pty_s(asked: int, given: int, count: int) -> float:
    """Return how long so many exchanges take over a pty of their own."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    arguments = [os.ttyname(theirs), str(asked), str(given)]
    peer = subprocess.Popen([sys.executable, "-c", _PEER, *arguments])
    try:
        _read(ours, 1)
        start_s = time.perf_counter()
        for _ in range(count):
            os.write(ours, bytes(asked))
            _read(ours, given)
        return time.perf_counter() - start_s
    finally:
        peer.kill()
        peer.wait()
        os.close(ours)
        os.close(theirs)


def _read(fd: int, size: int) -> None:
    while size:
        readable, _, _ = select.select([fd], [], [], _ANSWER_S)
        assert readable, "the other end of the pty does not answer"
        size -= len(os.read(fd, size))
