"""The firmware in its VM for an hour of real time at a steady load: what each minute cost.

A status each 200 ms, a lock each 10 s, the car's frames each 100 ms, all over loopback.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from gateway.coap.numbers import CONTENT, GET
from tests.bench.board import Board
from tests.bench.loopback import Requests, confirm, wait_for_command

ROUND_S = 0.1
STATUS_EACH = 2  # rounds
LOCK_EACH = 100
MINUTE_ROUNDS = 600


@dataclass
class Minute:
    """One minute: the heap in use after a collection at its end, and what requests took, in us."""

    number: int
    heap_bytes: int = 0
    status_us: list[float] = field(default_factory=list)
    lock_us: list[float] = field(default_factory=list)

    @property
    def medians(self) -> tuple[float, float]:
        """What a status and a lock took."""
        return median(self.status_us), median(self.lock_us)


def live_through(minutes: int) -> Iterator[Minute]:
    """Yield each minute when it is over."""
    with tempfile.TemporaryDirectory() as folder, Board(Path(folder)) as board:
        requests = Requests(board)
        for number in range(1, minutes + 1):
            minute = Minute(number)
            for round_number in range(MINUTE_ROUNDS):
                _round(board, requests, minute, round_number)
            minute.heap_bytes = int(board.ask_probe(b"heap"))
            yield minute


def _round(board: Board, requests: Requests, minute: Minute, number: int) -> None:
    end_s = time.monotonic() + ROUND_S
    board.send_frames()
    board.drain_cable()
    if number % LOCK_EACH == 0:
        request = board.host.seal_command("lock", requests.fresh_echo())
        start_s = time.perf_counter()
        board.send(request)
        wait_for_command(board)
        minute.lock_us.append((time.perf_counter() - start_s) * 1e6)
        confirm(board)
    elif number % STATUS_EACH == 0:
        minute.status_us.append(requests.request_us(board.host.seal(GET, b"lock"), CONTENT))
    time.sleep(max(0.0, end_s - time.monotonic()))
