"""What an update takes of a board while it arrives, and what its slot takes of each start."""

import tempfile
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

from carport.install.package import EMULATOR, build_package
from gateway import cbor
from gateway.coap import block
from gateway.coap.numbers import BLOCK1, CONTENT, CONTINUE, GET, POST, PUT
from tests.bench import loopback
from tests.bench.board import Board
from tests.bench.owner import Owner
from tests.bench.vm import bench_vm
from tests.models.host import Host

PIECE_BYTES = 512
PIECES = 80
STARTS = 10

_CAR = "reference"
_SZX = 5
_MESSAGE_ID = 0x8000  # far from those of the board's other host, who has the same address


@dataclass
class Updating:
    """Free heap in bytes, when ready and while an update arrives; times in us.

    piece: from asking to the answer, a sector erased for one of 8. bare: an echo beside each.
    check: of the whole package's hash, which each start of a slot begins with.
    """

    package_bytes: int
    ready_bytes: int = 0
    receiving_bytes: int = 0
    piece_us: list[float] = field(default_factory=list)
    bare_us: list[float] = field(default_factory=list)
    check_us: list[float] = field(default_factory=list)


class _Link:
    """A board as tests.models.host.Host talks to it: an exchange at a time."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.datagrams: list[tuple[bytes, Hashable]] = []

    def receive_datagram(self, data: bytes, peer: Hashable, on_cable: bool = False) -> None:
        """Bring a datagram, and wait for its answer."""
        self.datagrams.append((self._board.exchange(data), peer))


def measure(folder: Path) -> Updating:
    """Send the begin of a package to a board whose flash is in folder; hash a whole one."""
    package = build_package(EMULATOR, _CAR)
    measured = Updating(len(package))
    with Board(folder) as board:
        measured.ready_bytes = int(board.ask_probe(b"free"))
        with loopback.one_cpu(board.pid):
            _send(board, package, measured)
        measured.receiving_bytes = int(board.ask_probe(b"free"))
    measured.check_us = _check_us(package)
    return measured


def _send(board: Board, package: bytes, measured: Updating) -> None:
    owner = Owner(board.host, board.exchange)
    random = bytes(32)
    enrolled = cbor.decode(owner.ask(POST, b"keys", {"random": random}))
    host = Host.enrolled(_Link(board), random, enrolled, b"carport enrol")  # type: ignore[arg-type]
    host.next_message_id = _MESSAGE_ID
    assert host.request(GET, ["update"]).code == CONTENT
    requests = loopback.Requests(board)
    for number in range(PIECES):
        piece = package[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
        options = [(BLOCK1, block.encode(number, True, _SZX))]
        if number == 0:  # with an Echo value, which is asked for first
            assert host.request(PUT, ["update"], piece, options=options).code == CONTINUE
            continue
        board.drain_cable()
        measured.bare_us.append(requests.bare_echo_us())
        request = host.protect(PUT, ["update"], piece, options)
        loopback.settle()
        start_ns = time.perf_counter_ns()
        answer = board.exchange(request)
        measured.piece_us.append((time.perf_counter_ns() - start_ns) / 1000)
        assert host.read(answer).code == CONTINUE


def _check_us(package: bytes) -> list[float]:
    """Return how long the loader takes for the hash of a package in slot a."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "package")
        file.write_bytes(package)
        image = str(Path(name, "flash.img"))
        printed = bench_vm().run("tests.bench.hash_in_vm", image, str(file), str(STARTS))
    return [float(each) for each in printed.split()]
