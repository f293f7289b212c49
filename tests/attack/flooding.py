"""A flood at the full speed of the loopback interface, while the owner's commands are timed."""

import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized
from typing import NamedTuple

from carport.errors import CarportError
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, GET, OSCORE, POST, URI_PATH
from tests.attack.attack import Outcome
from tests.attack.lan import STRANGER, Address
from tests.attack.program import Program
from tests.attack.replaying import recorded_program
from tests.attack.stage import Stage

SLOW_MS = 5000
PATIENCE_S = 12.0

_COMMANDS = 8
_FLOOD_S = 10.0
_ORPHAN_S = 120.0  # a sender that nobody ends does so itself
_START_S = 0.2


class Flood(NamedTuple):
    """What is sent again and again, and from where."""

    name: str
    source: str
    requests: list[bytes]


def flood_it(stage: Stage, is_quick: bool) -> Outcome:
    """Time the owner's commands alone, and in one flood after the other.

    A success is a flood in which half of the commands or more take over 5 s, or fail.
    """
    outcome = Outcome()
    with recorded_program(stage, PATIENCE_S) as (_, program):
        quiet_ms, _ = _time_commands(program, 1 if is_quick else _COMMANDS)
        outcome.figures["without a flood"] = _describe(quiet_ms, [])
        for each in _floods(stage)[: 1 if is_quick else None]:
            with flood(stage.address, each) as sent:
                begin_s, before = time.monotonic(), sent.value
                taken_ms, failed = _time_commands(program, 3 if is_quick else _COMMANDS)
                rate = (sent.value - before) / (time.monotonic() - begin_s)
            is_slow = statistics.median(taken_ms) > SLOW_MS
            outcome.note(is_slow, "dropped soon, and the owner asks again")
            told = f"{rate:,.0f} datagrams a second, {_describe(taken_ms, failed)}"
            outcome.figures[each.name] = told
    return outcome


@contextmanager
def flood(gateway: Address, what: Flood) -> "Iterator[Synchronized[int]]":
    """Flood the gateway from a process of its own; give the number of datagrams sent."""
    context = multiprocessing.get_context("spawn")
    sent = context.Value("q", 0)
    process = context.Process(target=_send, args=(gateway, what, sent), daemon=True)
    process.start()
    try:
        while not sent.value:
            time.sleep(_START_S)
        yield sent
    finally:
        process.terminate()
        process.join()


def _floods(stage: Stage) -> list[Flood]:
    """Return requests in plain text, and such as look sealed by the owner and new.

    Each of these has to be decrypted, unless it is dropped before.
    """
    plain = message.encode(Message(CON, GET, 1, b"flood", [(URI_PATH, b"lock")]))
    sealed = []
    for number in range(256):
        value = b"\x0d" + (0xF000000000 + number).to_bytes(5) + stage.owner.kid
        outer = Message(CON, POST, number, b"flood", [(OSCORE, value)], os.urandom(40))
        sealed.append(message.encode(outer))
    return [
        Flood("plain text from a stranger", STRANGER, [plain] * 256),
        Flood("the owner's kid from a stranger", STRANGER, sealed),
        Flood("the owner's kid from the owner's host", "127.0.0.1", sealed),
    ]


def _send(gateway: Address, what: Flood, sent: "Synchronized[int]") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((what.source, 0))
        sender.connect(gateway)
        end_s = time.monotonic() + _ORPHAN_S
        send = sender.send
        while time.monotonic() < end_s:
            for request in what.requests:
                with suppress(ConnectionRefusedError):
                    send(request)
            sent.value += len(what.requests)


def _time_commands(program: Program, count: int) -> tuple[list[float], list[str]]:
    """Return how long the owner's commands take in ms, and why those failed that did."""
    taken_ms: list[float] = []
    failed: list[str] = []
    until_s = time.monotonic() + _FLOOD_S
    for i in range(count):
        if taken_ms[2:] and time.monotonic() > until_s:
            break
        command = program.client.lock if i % 2 else program.client.unlock
        begin_s = time.monotonic()
        try:
            program.do(command)
        except CarportError as error:
            failed.append(str(error))
        taken_ms.append((time.monotonic() - begin_s) * 1000)
    return taken_ms, failed


def _describe(taken_ms: list[float], failed: list[str]) -> str:
    """Return the median, the 95th percentile and how many were confirmed."""
    high_ms = sorted(taken_ms)[round(0.95 * (len(taken_ms) - 1))]
    confirmed = f"{len(taken_ms) - len(failed)} of {len(taken_ms)} confirmed"
    return f"{confirmed}, median {statistics.median(taken_ms):.0f} ms, p95 {high_ms:.0f} ms"
