"""Recorded requests, sent again: at once, after a reboot, late, twice, in another order."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as Folder
from random import Random

from gateway.coap import message
from gateway.coap.numbers import POST
from tests.attack.attack import Outcome
from tests.attack.lan import told
from tests.attack.path import Passed, Path, let_through
from tests.attack.program import Program
from tests.attack.stage import Stage

HELD_BACK_S = 6.0
COMMANDS = 20

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
        for way in ("same", "renumbered", "elsewhere", "cable"):
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
                by = told(send_again(stage, path, data, way))
                outcome.note(stage.unlocks(since) > 0, f"{by} (a challenge)")
    return outcome


def held_back(stage: Stage, is_quick: bool) -> Outcome:
    """Keep an unlock with its fresh Echo from arriving; deliver it when nobody expects it."""
    outcome = Outcome()
    with recorded_program(stage, timeout_s=_GIVE_UP_S) as (path, program):
        kept: list[bytes] = []

        def keep_the_second(each: Passed) -> list[bytes]:
            if each.is_request:
                kept.append(each.data)
            return [] if each.is_request and len(kept) > 1 else [each.data]

        program.do(program.client.system)
        path.carry = keep_the_second
        assert program.begin(program.client.unlock).exception() is not None, "it has arrived"
        path.carry = let_through
        time.sleep(HELD_BACK_S - _GIVE_UP_S)
        for data in dict.fromkeys(kept[1:]):
            since = stage.mark()
            by = told(send_again(stage, path, data, "same"))
            outcome.note(stage.unlocks(since) > 0, f"{by} (a challenge)")
    return outcome


def reordered(stage: Stage, is_quick: bool) -> Outcome:
    """Deliver what passes up to three times, early and late, both ways, while cars are locked."""
    outcome = Outcome()
    random = Random(1)
    kept: dict[bool, list[bytes]] = {True: [], False: []}

    def shuffle(each: Passed) -> list[bytes]:
        kept[each.is_request].append(each.data)
        old = kept[each.is_request][-8:]
        batch = [each.data, each.data, *random.choices(old, k=3)]
        random.shuffle(batch)
        outcome.tried += len(batch) - 1
        return batch

    with recorded_program(stage) as (path, program):
        program.do(program.client.system)
        path.carry = shuffle
        since = stage.mark()
        for _ in range(4 if is_quick else COMMANDS // 2):
            program.do(program.client.unlock)
            program.do(program.client.lock)
            outcome.figures["commands"] = outcome.figures.get("commands", 0) + 2
        path.carry = let_through
        acted = stage.unlocks(since)
    outcome.succeeded = max(0, acted - outcome.figures["commands"] // 2)
    outcome.stopped_by["answered as before, or refused"] = outcome.tried - outcome.succeeded
    return outcome


def record_unlock(path: Path, program: Program) -> list[bytes]:
    """Let the owner unlock; return the two requests, without and with an Echo."""
    program.do(program.client.system)
    since = len(path.passed)
    program.do(program.client.unlock)
    return [data for data in path.requests(since) if message.decode(data).code == POST]


def send_again(stage: Stage, path: Path, data: bytes, way: str) -> bytes | None:
    """Send recorded bytes to the gateway; return its answer."""
    if way == "elsewhere":
        with stage.lan() as lan:
            return lan.ask(data)
    if way == "cable":
        stage.wire.receive_datagram(data, "cable", on_cable=True)
        return stage.wire.datagrams.pop()[0]
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
