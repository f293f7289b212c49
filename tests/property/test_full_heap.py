"""A heap that is full at any line of a request's way costs that request, and nothing else.

MemoryError is raised at one line of the core in each run: see full_heap.py. They are sampled,
every `STRIDE`th of them, the same ones each time; `--hypothesis-profile=search` takes others.
"""

import os
from collections.abc import Callable
from random import Random
from typing import Any

from gateway.coap.numbers import CHANGED, CONTENT, ECHO, EMPTY, GET, POST
from gateway.vehicle.command import Command, Transmission
from tests.models.car import Car
from tests.models.host import Host, Response
from tests.models.shell import Shell
from tests.property.full_heap import failing_at

STRIDE = int(os.environ.get("CARPORT_FULL_HEAP_STRIDE", "23"))
_MOST_LINES = 20_000
_CORE = "/gateway/"


class World:
    """A board, its owner, and its car, which is awake, unlocked and obeys."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.host = Host.pair(self.shell)
        self.car = Car(self.shell)
        self.car.send()
        self.acted: list[Command] = []  # each once
        self.shell.on_sent = self._note

    def _note(self, frame: Transmission) -> None:
        if not any(frame.command is command for command in self.acted):
            self.acted.append(frame.command)

    def answer_to(self, path: str, payload: dict[str, Any]) -> Response:
        """Ask until there is an answer, as a host does with a new request for the same command."""
        for _ in range(4):
            answers = self.host.post(path, payload)
            self.car.lock(True)
            self.car.run(700)
            answers = [each for each in answers + self.host.responses() if each.code != EMPTY]
            if answers and answers[-1].code != 0xA0:
                return answers[-1]
        raise AssertionError("no answer")


def lines_of(begin: Callable[[World], None]) -> int:
    """Return how many lines of the core a request takes that does not fail."""
    world = World()
    with failing_at(_MOST_LINES, _CORE) as lines:
        begin(world)
    assert not lines.place
    return lines.count


def begin_lock(world: World) -> None:
    """Send a lock with a fresh Echo, and let the car obey."""
    echo = world.host.challenge()
    command = {"id": 1, "command": "lock"}
    world.host.send(world.host.protect(POST, ["lock"], command, options=[(ECHO, echo)]))
    world.car.lock(True)
    world.car.run(300)


def test_a_command_acts_once_at_most_and_the_next_one_is_confirmed() -> None:
    total = lines_of(begin_lock)
    assert total > 500
    for line in range(Random(os.urandom(8)).randrange(1, STRIDE + 1), total + 1, STRIDE):
        world = World()
        with failing_at(line, _CORE) as lines:
            begin_lock(world)
        world.shell.drain()
        answer = world.answer_to("lock", {"id": 1, "command": "lock"})
        assert answer.value["state"] in ("confirmed", "indeterminate", "expired"), lines.place
        assert len(world.acted) <= 1, lines.place
        world.car.lock(False)
        world.car.run(300)
        assert world.answer_to("lock", {"id": 2, "command": "lock"}).code == CHANGED, lines.place
        assert len(world.acted) <= 2, lines.place
        shell = world.shell.reboot()
        world.host.shell = shell
        assert world.host.request(GET, ["receipts", "2"]).code == CONTENT, lines.place
