"""What a request costs over loopback UDP, beside a bare echo in the same VM and run.

Every request is timed right after a bare echo, so what else the machine does concerns both alike.
The requests are sealed, the answers opened and the garbage collected while nothing is timed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.coap.numbers import CHANGED, CONFLICT, CONTENT, ECHO, GET
from tests.bench.board import Board, Noted

ECHO_BYTES = 48  # as long as a sealed GET

_PACK_STALE_S = 0.025
_SETTLED_S = 0.0003  # longer than a collection takes
_WARM_UP = 3
_ECHO_FOR_S = 3.0
_FRAME_S = 2.0
_FRAME_PAUSE_S = 0.003
_CONFIRM_S = 0.003
_GW_BODY_COMMAND = 0x200


@dataclass
class Times:
    """Round-trip times in us; status_again is given the encoded state of the one before."""

    bare_echo: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    status: list[float] = field(default_factory=list)
    status_again: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


@dataclass
class LockTimes:
    """Until the frame was handed to the CAN port and seen on the bus, and what saving took; us."""

    bare_echo: list[float] = field(default_factory=list)
    handed_over: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    saving: list[float] = field(default_factory=list)


class Requests:
    """Requests to a board, and an Echo value that stays fresh."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._echo = b""
        self._echo_s = -_ECHO_FOR_S

    def fresh_echo(self) -> bytes:
        """Return an Echo value that the board takes for two seconds more."""
        if time.monotonic() - self._echo_s > _ECHO_FOR_S:
            board = self._board
            board.send(board.host.seal_command("lock"))
            _, options, _ = board.host.open(board.receive())
            self._echo = options[ECHO]
            self._echo_s = time.monotonic()
        return self._echo

    def bare_echo_us(self) -> float:
        """Return the round-trip time of a bare echo, with both sides warm and no garbage left."""
        self._board.ask_probe(b"heap")
        for _ in range(_WARM_UP):
            self._bare_echo_us()
        return self._bare_echo_us()

    def _bare_echo_us(self) -> float:
        board = self._board
        assert board.ask_probe(b"arm") == b"arm"
        return self._time_us(lambda: board.ask_probe(bytes(ECHO_BYTES)))

    def echo_us(self) -> float:
        """Return the round-trip time of an echo that is a source of the firmware's runner."""
        return self.probe_us(bytes(ECHO_BYTES))

    def probe_us(self, word: bytes) -> float:
        """Return how long the probe takes to answer."""
        return self._time_us(lambda: self._board.ask_probe(word))

    def request_us(self, request: bytes, code: int) -> float:
        """Return the round-trip time of a request; it must be answered with this code."""
        answers = []

        def exchange() -> None:
            self._board.send(request)
            answers.append(self._board.receive())

        taken_us = self._time_us(exchange)
        assert self._board.host.open(answers[0])[0] == code
        return taken_us

    def _time_us(self, exchange: Callable[[], object]) -> float:
        settle()
        start_ns = time.perf_counter_ns()
        exchange()
        return (time.perf_counter_ns() - start_ns) / 1000


def settle() -> None:
    """Let the VM finish what it does after an answer, and go back to waiting."""
    time.sleep(_SETTLED_S)


@contextmanager
def one_cpu(pid: int) -> Iterator[None]:
    """Run the VM of this pid and this thread on the same CPU, where the system lets us choose.

    Else an echo is mostly the time that it takes to wake another CPU, or not, as luck has it.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_cpus = os.sched_getaffinity(0)
    try:
        for process in (0, pid):
            os.sched_setaffinity(process, {min(all_cpus)})
        yield
    finally:
        for process in (0, pid):
            os.sched_setaffinity(process, all_cpus)


def measure_requests(board: Board, rounds: int) -> Times:
    """Return the times of requests that are answered at once."""
    times = Times()
    requests = Requests(board)
    host = board.host
    # With an Echo value once, so that this host has proven its address, as every client's has.
    requests.request_us(host.seal(GET, b"lock", echo=requests.fresh_echo()), CONTENT)
    for _ in range(rounds):
        board.send_frames()
        board.drain_cable()
        time.sleep(_PACK_STALE_S)
        status, again = host.seal(GET, b"lock"), host.seal(GET, b"lock")
        refused = host.seal_command("unlock", requests.fresh_echo())
        times.bare_echo.append(requests.bare_echo_us())
        times.echo.append(requests.echo_us())
        times.bare_echo.append(requests.bare_echo_us())
        times.status.append(requests.request_us(status, CONTENT))
        times.bare_echo.append(requests.bare_echo_us())
        times.status_again.append(requests.request_us(again, CONTENT))
        times.bare_echo.append(requests.bare_echo_us())
        times.refused.append(requests.request_us(refused, CONFLICT))
    return times


def measure_locks(board: Board, rounds: int) -> LockTimes:
    """Return the times of locks up to their frame."""
    times = LockTimes()
    requests = Requests(board)
    for _ in range(rounds):
        board.send_frames()
        board.drain_cable()
        time.sleep(_PACK_STALE_S)
        request = board.host.seal_command("lock", requests.fresh_echo())
        board.read_probe()
        times.bare_echo.append(requests.bare_echo_us())
        settle()
        start_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)  # the VM's ticks_us
        board.send(request)
        wait_for_command(board)
        times.seen.append((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - start_ns) / 1000)
        noted = board.read_probe()
        times.handed_over.append(noted.sent_us - start_ns / 1000)
        times.saving.append(noted.saving_us)
        confirm(board)
    return times


def watch_locks(board: Board, rounds: int, pause: int, word: bytes = b"mark") -> list[Noted]:
    """Return what the probe notes of locks between their datagram and their frame.

    As an owner's program does it, each is sent twice: without an Echo value, then with it. pause:
    how many of each frame the car sends before. word: b"force" for a collection in each lock.
    """
    notes = []
    for _ in range(rounds):
        for _ in range(pause):
            board.send_frames()
            time.sleep(_FRAME_PAUSE_S)
        board.drain_cable()
        requests = Requests(board)  # so that it has no Echo value yet
        request = board.host.seal_command("lock", requests.fresh_echo())
        board.ask_probe(word)
        board.send(request)
        wait_for_command(board)
        notes.append(board.read_probe())
        confirm(board)
    return notes


def collections_us(board: Board, rounds: int) -> list[float]:
    """Return how long the probe takes to collect, an echo through the same loop subtracted."""
    requests = Requests(board)
    return [requests.probe_us(b"heap") - requests.echo_us() for _ in range(rounds)]


def wait_for_command(board: Board) -> None:
    """Return when the car sees the gateway's command."""
    message = board.bus.recv(_FRAME_S)
    assert message is not None
    assert message.arbitration_id == _GW_BODY_COMMAND


def confirm(board: Board) -> None:
    """Let the car confirm the lock, and take the answer."""
    time.sleep(_CONFIRM_S)  # for it must be later than the command, in ms
    board.send_frames()
    assert board.host.open(board.receive())[0] == CHANGED


def sync_us(folder: Path, rounds: int) -> list[float]:
    """Return how long it takes to make 64 bytes in a file durable there."""
    path = folder / "sync"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(rounds):
            file.seek(0)
            file.write(bytes(64))
            start_ns = time.perf_counter_ns()
            os.fsync(file.fileno())
            taken.append((time.perf_counter_ns() - start_ns) / 1000)
    return taken
