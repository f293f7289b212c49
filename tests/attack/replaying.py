"""Recorded requests, sent again: at once, after a reboot, late, twice, in another order."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as Folder
from random import Random

from gateway.coap import message
from gateway.coap.numbers import ECHO, POST
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.attack.lan import is_sealed, told
from tests.attack.path import Passed, Path, let_through
from tests.attack.program import Program
from tests.attack.stage import Stage

HELD_BACK_S = 6.0
COMMANDS = 12

_GIVE_UP_S = 1.0


@contextmanager
def recorded_program(stage: Stage, timeout_s: float = 15) -> Iterator[tuple[Path, Program]]:
    """Give the owner's program, and somebody who records all that it says."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(stage.address) as path,
        Program(stage.owner, Folder(folder) / "car", path.address, timeout_s) as program,
    ):
        yield path, program


def replay(stage: Stage, is_quick: bool) -> Outcome:
    """Send a recorded unlock again at once, in every way, while its Echo is fresh."""
    outcome = Outcome()
    with recorded_program(stage) as (path, program):
        recorded = record_unlock(path, program)
        stage.lock()
        ways = ("elsewhere",) if is_quick else ("same", "renumbered", "elsewhere", "cable")
        for way in ways:
            for data in recorded:
                since, seen = stage.mark(), len(path.answers())
                answer = send_again(stage, path, data, way)
                by = "remembered answer" if answer in path.answers()[:seen] else told(answer)
                outcome.note(stage.unlocks(since) > 0, by)
    return outcome


def replay_after_reboot(stage: Stage, is_quick: bool) -> Outcome:
    """Send a recorded unlock again when the board has forgotten its replay window."""
    outcome = Outcome()
    with recorded_program(stage) as (path, program):
        recorded = record_unlock(path, program)
        stage.lock()
        stage.reboot()
        for way in ("same", "elsewhere", "cable"):
            for data in recorded:
                since = stage.mark()
                by = _told(send_again(stage, path, data, way))
                outcome.note(stage.unlocks(since) > 0, by)
    return outcome


def held_back(stage: Stage, is_quick: bool) -> Outcome:
    """Keep an unlock with its fresh Echo from arriving; deliver it when nobody expects it."""
    outcome = Outcome()
    with recorded_program(stage, timeout_s=_GIVE_UP_S) as (path, program):
        kept: list[bytes] = []

        def keep_back(each: Passed) -> list[bytes]:
            """Let nothing pass that is as long as the unlock and an Echo."""
            if each.is_request and len(each.data) in lengths:
                kept.append(each.data)
                return []
            return [each.data]

        lengths = {len(record_unlock(path, program)[-1]) + i for i in range(-1, 3)}
        stage.lock()
        path.carry = keep_back
        assert program.begin(program.client.unlock).exception() is not None, "it has arrived"
        path.carry = let_through
        time.sleep(HELD_BACK_S - _GIVE_UP_S)
        for data in dict.fromkeys(kept[:1] if is_quick else kept):
            since = stage.mark()
            by = _told(send_again(stage, path, data, "same"))
            outcome.note(stage.unlocks(since) > 0, by)
    return outcome


def held_back_long(stage: CoreStage, is_quick: bool) -> Outcome:
    """Deliver unlocks with their fresh Echo, kept back for a while, from here and elsewhere."""
    outcome = Outcome()
    for minutes in (0.1, 1, 60, 24 * 60):
        echo = stage.owner.challenge()
        kept = [
            stage.owner.protect(
                POST, ["lock"], stage.owner.command("unlock"), options=[(ECHO, echo)]
            )
            for _ in range(2)
        ]
        stage.shell.advance(round(60_000 * minutes))
        for data, peer in zip(kept, (stage.owner.peer, "elsewhere"), strict=True):
            stage.shell.receive_datagram(data, peer)
            stage.run(1000)
            outcome.note(not stage.is_locked(), "4.01, an Echo that is too old")
            stage.shell.datagrams.clear()
            if not stage.is_locked():
                stage.lock()
    return outcome


def reordered(stage: Stage, is_quick: bool) -> Outcome:
    """Deliver what passes several times, early and late, both ways, while the car is locked.

    After each lock the unlock before it arrives once more. A success is an unlock that the owner
    did not ask for.
    """
    outcome = Outcome()
    random = Random(1)
    kept: dict[bool, list[bytes]] = {True: [], False: []}

    def shuffle(each: Passed) -> list[bytes]:
        kept[each.is_request].append(each.data)
        batch = [each.data, each.data, *random.choices(kept[each.is_request][-8:], k=3)]
        random.shuffle(batch)
        outcome.tried += len(batch) - 1
        return batch

    with recorded_program(stage) as (path, program):
        program.do(program.client.system)
        path.carry = shuffle
        for _ in range(2 if is_quick else COMMANDS // 2):
            since, asked = stage.mark(), len(path.passed)
            program.do(program.client.unlock)
            late = dict.fromkeys(path.requests(asked))
            program.do(program.client.lock)
            for data in late:
                path.to_gateway(data)
            outcome.tried += len(late)
            outcome.succeeded += stage.unlocks(since) - 1
    outcome.stopped_by["answered as before, or refused"] = outcome.tried - outcome.succeeded
    return outcome


def _told(answer: bytes | None) -> str:
    """Return what an answer says; a sealed one, where nothing acts, is a challenge."""
    return "a sealed challenge" if is_sealed(answer) else told(answer)


def record_unlock(path: Path, program: Program) -> list[bytes]:
    """Let the owner unlock; return the two requests, without and with an Echo."""
    program.do(program.client.system)
    since = len(path.passed)
    program.do(program.client.unlock)
    longest = sorted(dict.fromkeys(path.requests(since)), key=len)
    return longest[-2:]


def send_again(stage: Stage, path: Path, data: bytes, way: str) -> bytes | None:
    """Send recorded bytes to the gateway; return its answer."""
    if way == "elsewhere":
        with stage.lan() as lan:
            return lan.ask(data)
    if way == "cable":
        return stage.cable.ask_by_cable(data)[-1]
    if way == "renumbered":
        outer = message.decode(data)
        outer.message_id ^= 0x5555
        outer.token = b"again"
        data = message.encode(outer)
    since = len(path.answers())
    path.to_gateway(data)
    deadline_s = time.monotonic() + 2
    while time.monotonic() < deadline_s:
        for answer in path.answers(since):
            return answer
        time.sleep(0.001)
    return None
