"""Updates in any order, by several owners, on a flash that fails now and then: what ran runs on.

After each start on a flash that does not fail: what runs is whole, is what was confirmed last or
was asked to be started since, and a slot that runs is never written.
"""

import os
from random import Random
from typing import Any

import pytest

from firmware.slots import NAMES
from gateway.coap.numbers import CHANGED, CONTENT, GET
from tests.models.host import Host
from tests.models.slot_board import (
    CAPACITY,
    PIECE,
    SlotBoard,
    activate,
    hash_of,
    make,
    put,
)
from tests.power.chip import BLOCK_BYTES

SEEDS = int(os.environ.get("CARPORT_CHAOS_SEEDS", "50"))
STEPS = 120
SIZES = (1030, 2560, 4608, CAPACITY)
PACKAGES = [make(size, seed) for seed, size in enumerate(SIZES)]
PACKAGES.append(make(3000, 9, begin=b""))  # whole, and no file system
HASHES = {hash_of(each): each for each in PACKAGES}
BECOMES = ("raises", "fails", "is lost")
DAY_MS = 86_400_000


class Chaos:
    """A board, two owners, one of them with two programs, and what they may do to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.board = SlotBoard()
        owner = Host.pair(self.board.shell)
        self.owners = [owner, owner.enrol(), owner.enrol(name="ben", role="owner")]
        self.good = b""  # the hash of what was confirmed last
        self.asked: set[bytes] = set()  # what may be started since
        self.before: set[bytes] = set()  # what ran when that was asked
        self.half_proven: set[bytes] = set()  # it may be confirmed, or not
        self.faults_left = 0
        self.in_use = b""

    def step(self) -> None:
        """Do something."""
        deeds = {
            self.go_on: 30,
            self.send_wrong: 8,
            self.start: 10,
            self.prove: 5,
            self.boot: 10,
            self.fail: 10,
            self.wait: 2,
        }
        self.random.choices(list(deeds), list(deeds.values()))[0]()
        for host in self.owners:
            host.responses()
        slot = self.board.slot
        assert not slot or self.board.flash.content(slot) == self.in_use, "what runs was written"

    def go_on(self) -> None:
        """Send the next blocks of a package."""
        host, content = self.random.choice(self.owners), self.random.choice(PACKAGES)
        receiving = self.receiving(host)
        num = 0
        if receiving and self.random.random() < 0.9:
            content = HASHES[receiving["sha256"]]
            num = receiving["received"] // PIECE
        for each in range(num, num + self.random.choice((1, 3, 40))):
            if each * PIECE >= len(content) or put(host, content, each).code >> 5 != 2:
                return

    def send_wrong(self) -> None:
        """Send a block that should not be."""
        random = self.random
        content = random.choice(PACKAGES)
        num = random.choice((0, 1, 8, random.randrange(40), 0xFFFFF))
        piece = random.choice((b"", bytes(PIECE), content[:PIECE], random.randbytes(PIECE)))
        changes = {"more": random.random() < 0.5, "piece": piece}
        if random.random() < 0.3:
            changes["szx"] = random.randrange(7)
        put(random.choice(self.owners), content, num, **changes)

    def start(self) -> None:
        """Ask for a start; it may have been heard even if the answer is a failure."""
        content = self.random.choice(PACKAGES)
        host = self.random.choice(self.owners)
        receiving = self.receiving(host)
        if receiving:
            content = HASHES[receiving["sha256"]]
        code = activate(host, content).code
        if code >> 5 in (2, 5):
            self.asked.add(hash_of(content))
            self.before.add(self.running())  # which it goes back to
        if code == CHANGED:
            self.boot()

    def prove(self) -> None:
        """Confirm what is on trial."""
        if not self.board.is_trial:
            return
        running = self.running()
        try:
            self.board.slots.confirm()
        except OSError:
            self.half_proven.add(running)
            return
        self.board.is_trial = False
        self.good, self.asked = running, set()

    def fail(self) -> None:
        """Let the flash fail for a while, or let it be well."""
        random = self.random
        operations = random.choice((("read",), ("program",), ("erase",), ("program", "erase")))
        become = "raises" if operations == ("read",) else random.choice(BECOMES)
        is_record = random.random() < 0.7
        self.faults_left = random.choice((0, 1, 2, 5, 1000))

        def fault(operation: str, address: int) -> str:
            is_there = operation in operations and (address < 2 * BLOCK_BYTES) == is_record
            if not is_there or not self.faults_left:
                return ""
            self.faults_left -= 1
            return become

        self.board.flash.fault = fault

    def wait(self) -> None:
        """Let time pass."""
        self.board.shell.advance(self.random.choice((1000, 150_000, 13 * DAY_MS)))

    def boot(self) -> None:
        """Cut the power; the flash may go on failing, or not."""
        if self.random.random() < 0.7:
            self.faults_left = 0
        was_well = self.faults_left == 0
        self.board = board = self.board.reboot()
        for host in self.owners:
            host.shell = board.shell
        self.in_use = board.flash.content(board.slot) if board.slot else b""
        if was_well:
            running = self.running()
            assert running in {self.good} | self.asked | self.before
            if running:
                content = HASHES[running]
                assert self.in_use[: len(content)] == content
            assert running in self.asked or not board.is_trial, "it was confirmed"
            if not board.is_trial and running != self.good:
                assert running in self.before | self.half_proven, "it was never confirmed"
                self.good, self.asked = running, set()

    def running(self) -> bytes:
        return hash_of(self.board.flash.content(self.board.slot)) if self.board.slot else b""

    def receiving(self, host: Host) -> dict[str, Any]:
        """Return what the board says of a package that arrives, if it can be asked."""
        answer = host.request(GET, ["update"])
        if answer.code != CONTENT:
            return {}
        assert answer.value["running"] == NAMES[self.board.slot]
        receiving: dict[str, Any] = answer.value.get("receiving", {})
        return receiving


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_ran_runs_on(seed: int) -> None:
    chaos = Chaos(seed)
    for _ in range(STEPS):
        chaos.step()
    chaos.faults_left = 0
    chaos.boot()
