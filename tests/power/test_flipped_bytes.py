"""A package, or a slot, with one byte that is not what it was: it never runs."""

import os
from collections.abc import Iterator

import pytest

from carport.install.package import build_package
from gateway.coap import block
from gateway.coap.numbers import (
    BAD_REQUEST,
    BLOCK1,
    CONFLICT,
    CONTINUE,
    POST,
    PUT,
    UNPROCESSABLE_ENTITY,
)
from tests.power.board import VmBoard
from tests.power.nonces import Nonces
from tests.power.session import Session
from tests.power.update_session import FIRST, PIECE_BYTES, SECOND, SZX, hash_in, make_package
from tests.vm import VM

EVERY = int(os.environ.get("CARPORT_POWER_EVERY", "24"))
A, B = 1, 2
FACTORY = 0
RECORD_BYTES = 64  # the entry at the begin of a sector; the rest is erased
SMALL = make_package(5, 1200)


def bench(vm: VM, function: str, *arguments: object) -> object:
    return vm.call("tests.power.flips", "bench." + function, *arguments)


def test_a_slot_with_a_flipped_byte_is_not_started(machine: VM) -> None:
    bench(machine, "make", FIRST, SECOND)
    assert bench(machine, "flip", B, 0, 0) == (B, False)
    assert bench(machine, "flip_each", B, 0, PIECE_BYTES, 1) == []
    assert bench(machine, "flip_each", B, PIECE_BYTES, len(SECOND), EVERY) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nor_is_that_of_a_real_package(machine: VM) -> None:
    package = build_package("emulator", "reference")
    bench(machine, "make", FIRST, package)
    assert bench(machine, "flip", B, 0, 0) == (B, False)
    step = 41 * EVERY  # prime to the blocks
    for first in range(0, len(package), 100 * step):
        end = min(first + 100 * step, len(package))
        assert bench(machine, "flip_each", B, first, end, step) == []


def test_with_both_damaged_what_was_flashed_runs(machine: VM) -> None:
    damaged = bytearray(FIRST)
    damaged[1000] ^= 1
    bench(machine, "make", bytes(damaged), SECOND)
    assert bench(machine, "flip", B, 700, 1) == (FACTORY, False)


def test_a_flipped_byte_of_the_record_starts_nothing_else(machine: VM) -> None:
    bench(machine, "make", FIRST, SECOND)
    size = bench(machine, "record_bytes")
    assert isinstance(size, int)
    chosen = [
        bench(machine, "flip", 0, sector + offset, 0xFF)
        for sector in range(0, size, size // 2)
        for offset in range(RECORD_BYTES)
    ]
    assert set(map(str, chosen)) <= {str((B, False)), str((FACTORY, False))}
    assert chosen.count((B, False)) >= RECORD_BYTES


class Sender(Session):
    """An owner who sends what is given, byte for byte."""

    def pair_and_wait(self) -> None:
        self.board.make(False)
        self.reboot()
        self.owner = self.pair("ann")

    def put(self, content: bytes, number: int) -> int:
        """Send a piece; return the code of the answer."""
        start = number * PIECE_BYTES
        option = (BLOCK1, block.encode(number, start + PIECE_BYTES < len(content), SZX))
        piece = content[start : start + PIECE_BYTES]
        return self.owner.host.request(PUT, ["update"], piece, options=[option]).code

    def start(self, content: bytes) -> int:
        """Ask that a package is started; return the code of the answer."""
        return self.owner.host.request(POST, ["update"], {"sha256": hash_in(content)}).code


@pytest.fixture
def sender(machine: VM) -> Sender:
    session = Sender(VmBoard(machine, Nonces()))
    session.pair_and_wait()
    return session


def flipped(content: bytes, first: int, end: int, step: int) -> Iterator[bytes]:
    """Yield content with a bit of one byte changed, for each of these bytes."""
    for offset in range(first, end, step):
        changed = bytearray(content)
        changed[offset] ^= 1 << offset * 5 % 8
        yield bytes(changed)


def slots(sender: Sender) -> list[bytes]:
    return [sender.board.call("slot", slot) for slot in (A, B)]


def test_a_head_with_a_flipped_byte_is_refused_before_anything_is_written(sender: Sender) -> None:
    before = slots(sender)
    for content in flipped(SMALL, 0, PIECE_BYTES, max(1, EVERY // 4)):
        assert sender.put(content, 0) == BAD_REQUEST
    assert slots(sender) == before


def test_a_payload_with_a_flipped_byte_is_refused_and_not_started(sender: Sender) -> None:
    last = (len(SMALL) - 1) // PIECE_BYTES
    for content in flipped(SMALL, PIECE_BYTES, len(SMALL), EVERY):
        codes = [sender.put(content, number) for number in range(last + 1)]
        assert codes == [CONTINUE] * last + [UNPROCESSABLE_ENTITY]
        assert sender.start(content) == CONFLICT
    sender.reboot()
    assert sender.board.started.slot == FACTORY
