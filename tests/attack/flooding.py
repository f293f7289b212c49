"""A flood at the full speed of the loopback interface, while the owner's commands are timed."""

import math
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized

from carport.errors import CarportError
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, GET, OSCORE, POST, URI_PATH
from tests.attack.attack import Outcome
from tests.attack.lan import STRANGER, Address
from tests.attack.program import Program
from tests.attack.replaying import recorded_program
from tests.attack.stage import Stage

COMMANDS = 10
LATE_S = 8.0
PATIENCE_S = 10.0

_FLOOD_S = 10.0
_ORPHAN_S = 120.0  # a sender that nobody ends does so itself
_START_S = 0.2


def by_a_stranger(stage: Stage, is_quick: bool) -> Outcome:
    """Flood it with requests in plain text, from an address that is not the owner's."""
    request = message.encode(Message(CON, GET, 1, b"flood", [(URI_PATH, b"lock")]))
    return _flood(stage, STRANGER, [request], is_quick)


def with_the_owners_kid(stage: Stage, is_quick: bool) -> Outcome:
    """Flood it with what looks sealed by the owner, and new: each has to be decrypted."""
    return _flood(stage, STRANGER, _requests_with_kid(stage), is_quick)


def from_the_owners_host(stage: Stage, is_quick: bool) -> Outcome:
    """The same, from another port of the owner's own address."""
    return _flood(stage, "127.0.0.1", _requests_with_kid(stage), is_quick)


def _requests_with_kid(stage: Stage) -> list[bytes]:
    requests = []
    for number in range(256):
        value = b"\x0d" + (0xF000000000 + number).to_bytes(5) + stage.owner.kid
        outer = Message(CON, POST, number, b"flood", [(OSCORE, value)], os.urandom(40))
        requests.append(message.encode(outer))
    return requests


def _flood(stage: Stage, source: str, requests: list[bytes], is_quick: bool) -> Outcome:
    """Time the owner's commands before a flood and in it; a success is one that is late."""
    outcome = Outcome()
    commands = 2 if is_quick else COMMANDS
    with recorded_program(stage, PATIENCE_S) as (_, program):
        quiet_ms, _ = _time_commands(program, commands)
        with flood(stage.address, source, requests) as sent:
            begin_s, before = time.monotonic(), sent.value
            flooded_ms, failed = _time_commands(program, commands, begin_s + _FLOOD_S)
            rate = (sent.value - before) / (time.monotonic() - begin_s)
    late = sum(taken_ms > LATE_S * 1000 for taken_ms in flooded_ms)
    outcome.note(False, "the owner's commands are done", len(flooded_ms) - late)
    outcome.note(True, "", late)
    outcome.figures["datagrams a second"] = round(rate)
    outcome.figures["commands, without"] = _describe(quiet_ms)
    outcome.figures["commands, flooded"] = _describe(flooded_ms)
    outcome.figures["of these failed"] = f"{len(failed)} of {len(flooded_ms)}"
    for reason in failed[:1]:
        outcome.figures["the first failed so"] = reason
    return outcome


@contextmanager
def flood(gateway: Address, source: str, requests: list[bytes]) -> "Iterator[Synchronized[int]]":
    """Send these to the gateway again and again, from a process of its own; count them."""
    context = multiprocessing.get_context("spawn")
    sent = context.Value("q", 0)
    process = context.Process(target=_send, args=(gateway, source, requests, sent), daemon=True)
    process.start()
    try:
        while not sent.value:
            time.sleep(_START_S)
        yield sent
    finally:
        process.terminate()
        process.join()


def _send(gateway: Address, source: str, requests: list[bytes], sent: "Synchronized[int]") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.connect(gateway)
        end_s = time.monotonic() + _ORPHAN_S
        send = sender.send
        while time.monotonic() < end_s:
            for request in requests * (1 + 256 // len(requests)):
                with suppress(ConnectionRefusedError):
                    send(request)
            sent.value += len(requests) * (1 + 256 // len(requests))


def _time_commands(
    program: Program, count: int, until_s: float = math.inf
) -> tuple[list[float], list[str]]:
    """Return how long the owner's commands take in ms, and why those failed that did."""
    taken_ms: list[float] = []
    failed: list[str] = []
    for i in range(count):
        if time.monotonic() > until_s:
            break
        command = program.client.lock if i % 2 else program.client.unlock
        begin_s = time.monotonic()
        try:
            program.do(command)
        except CarportError as error:
            failed.append(str(error))
        taken_ms.append((time.monotonic() - begin_s) * 1000)
    return taken_ms, failed


def _describe(taken_ms: list[float]) -> str:
    """Return the median and the 95th percentile."""
    high_ms = sorted(taken_ms)[round(0.95 * (len(taken_ms) - 1))]
    return f"median {statistics.median(taken_ms):.0f} ms, p95 {high_ms:.0f} ms"
