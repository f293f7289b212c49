"""A heap that is full at any line of an update's way costs that request, and not the update.

As in test_full_heap.py, but the lines are those of the slots' code too, every `STRIDE`th of them
from the first one on, and each kind of request is tried: the block that begins an update, one that
has the next sector erased, one that begins a sector, the last one, the question how far it is, and
the start.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from gateway.coap import block
from gateway.coap.numbers import BLOCK1, CHANGED, CONTENT, ECHO, GET, POST, PUT
from tests.models.host import Host
from tests.models.slot_board import PIECE, SlotBoard, activate, hash_of, make, put, send
from tests.property.full_heap import Lines, failing_at

STRIDE = int(os.environ.get("CARPORT_FULL_HEAP_STRIDE", "97"))
OURS = ("/gateway/", "/firmware/")
OLD, NEW = make(9000, seed=1), make(9000, seed=2)
BLOCKS = -(-len(NEW) // PIECE)
A, B = 1, 2
TRIES = 3


class World:
    """A board that runs OLD, confirmed, and its owner, who brings it NEW."""

    def __init__(self) -> None:
        self.board = SlotBoard()
        self.owner = Host.pair(self.board.shell)
        send(self.owner, OLD)
        activate(self.owner, OLD)
        self.reboot()
        self.board.prove()
        self.reboot()

    def reboot(self) -> None:
        self.board = self.board.reboot()
        self.owner.shell = self.board.shell
        assert self.owner.request(GET, ["system"]).code == CONTENT

    def fail(self, data: bytes, line: int) -> Lines:
        """Bring a request, with the heap full at a line of what the board does then."""
        shell = self.board.shell
        with failing_at(line, *OURS) as lines:
            shell.gateway.receive_datagram(data, self.owner.peer, shell.now_ms)
        shell.drain()
        self.owner.responses()
        return lines

    def ask(self) -> dict[str, Any]:
        answer = self.owner.request(GET, ["update"])
        assert answer.code == CONTENT, answer
        state: dict[str, Any] = answer.value
        return state

    def bring(self) -> bool:
        """Bring what the board says that it lacks, and start it; tell whether it will."""
        receiving = self.ask().get("receiving", {})
        has = receiving["received"] if receiving.get("sha256") == hash_of(NEW) else 0
        for num in range(-(-has // PIECE), BLOCKS):
            answer = put(self.owner, NEW, num)
            if answer.code >> 5 != 2:
                assert answer.code >> 5 == 4, answer
                return False
        return activate(self.owner, NEW).code == CHANGED


def block_of(world: World, num: int) -> bytes:
    """Return block `num` as a datagram, once those before it are there."""
    for before in range(num):
        put(world.owner, NEW, before)
    piece = NEW[num * PIECE : (num + 1) * PIECE]
    options = [(BLOCK1, block.encode(num, num + 1 < BLOCKS, 5)), (ECHO, world.owner.challenge())]
    return world.owner.protect(PUT, ["update"], piece, options=sorted(options))


def question(world: World) -> bytes:
    """Return the question that has the board look how far it is."""
    for num in range(BLOCKS - 1):
        put(world.owner, NEW, num)
    world.reboot()
    return world.owner.protect(GET, ["update"])


def start(world: World) -> bytes:
    """Return the request to start what has arrived."""
    send(world.owner, NEW)
    options = [(ECHO, world.owner.challenge())]
    return world.owner.protect(POST, ["update"], {"sha256": hash_of(NEW)}, options=options)


REQUESTS: dict[str, Callable[[World], bytes]] = {
    "begins": lambda world: block_of(world, 0),
    "erases": lambda world: block_of(world, 1),
    "begins a sector": lambda world: block_of(world, 8),
    "last": lambda world: block_of(world, BLOCKS - 1),
    "question": question,
    "start": start,
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_the_update_goes_on_and_what_runs_runs_on(request_name: str) -> None:
    make_request = REQUESTS[request_name]
    world = World()
    total = world.fail(make_request(world), 0).count
    assert total > 100
    for line in range(1, total + 1, STRIDE):
        world = World()
        board = world.board
        before = board.flash.content(A)
        place = world.fail(make_request(world), line).place
        assert place
        assert any(world.bring() for _ in range(TRIES)), place
        assert board.flash.content(A) == before, place
        world.reboot()
        assert (world.board.slot, world.board.is_trial) == (B, True), place
        assert world.board.flash.content(B)[: len(NEW)] == NEW, place
