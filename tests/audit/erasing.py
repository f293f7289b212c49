"""What a copy of the flash still opens: after erasing, and of the days before."""

import time
from collections.abc import Iterable

from tests.audit import flash_image
from tests.audit.board import Board
from tests.audit.check import Build, Depth, Outcome
from tests.audit.opening import Sealed, openable, sealed, windows

_RECORDED_S = {Depth.QUICK: 4.0, Depth.USUAL: 8.0, Depth.FULL: 65.0}


def erase(build: Build, depth: Depth) -> Outcome:
    """Erase, and try to open what was there, with all that is left on the chip.

    What is tried as a key: each run of 16 or 32 bytes of the key partition and of all the board
    still tells, and what its keys lead to. Who copied the key partition as well, before it was
    erased, has the keys of that day: that is the control here.
    """
    outcome = Outcome()
    with Board(build) as board:
        board.pair()
        time.sleep(_RECORDED_S[depth])
        board.next_day()
        time.sleep(_RECORDED_S[depth])
        board.owner.withdraw("location")  # what is recorded until now is stored
        before = board.flash()
        served = board.owner.sealed_blocks()
        chip = _on_chip(before, served)
        assert board.owner.erase().code >> 5 == 2
        after = board.flash()
        told = board.owner.fetch("records").payload + board.owner.fetch("ledger").payload
    blocks = [sealed(block) for block in served.values()]
    outcome.looked_at = len(blocks)
    newest = [block for block in blocks if block.step == max(each.step for each in blocks)]
    outcome.figures["found in the image from before"] = chip
    outcome.figures["opened with its key partition"] = openable(newest, _keys(before))
    keys = windows(after[flash_image.FILE_BLOCKS * flash_image.BLOCK_BYTES :]) | windows(told)
    _judge(outcome, blocks, keys, "a block opens after erasing")
    assert outcome.figures["opened with its key partition"], "nothing opened before"
    return outcome


def days_before(build: Build, depth: Depth) -> Outcome:
    """Copy the whole flash, its keys too: only that day's blocks may open."""
    outcome = Outcome()
    with Board(build) as board:
        board.pair()
        for _ in range(3):
            time.sleep(_RECORDED_S[depth])
            board.next_day()
        time.sleep(_RECORDED_S[depth])
        board.owner.withdraw("location")  # what is recorded until now is stored
        image = board.flash()
        served = board.owner.sealed_blocks()
        chip = _on_chip(image, served)
    (root,) = flash_image.roots(image)[-1:]
    _, today, _ = root[flash_image.CHAIN]
    blocks = {number: sealed(block) for number, block in served.items()}
    past = [block for block in blocks.values() if block.step < today]
    present = [block for block in blocks.values() if block.step == today]
    outcome.looked_at = len(past)
    outcome.figures["found in the copy"] = chip
    outcome.figures["opened of the day itself"] = openable(present, _keys(image))
    keys = windows(image[flash_image.FILE_BLOCKS * flash_image.BLOCK_BYTES :])
    _judge(outcome, past, keys, "a block of a day before opens")
    assert outcome.figures["opened of the day itself"], "the copy's own day does not open"
    return outcome


def _judge(outcome: Outcome, blocks: list[Sealed], keys: Iterable[bytes], charge: str) -> None:
    keys = list(keys)
    outcome.figures["keys tried"] = len(keys)
    if opened := openable(blocks, keys):
        outcome.found[charge] += opened


def _on_chip(image: bytes, served: dict[int, bytes]) -> int:
    """Return how many blocks a stranger finds in an image, with the storage key in it."""
    key = flash_image.roots(image)[-1][flash_image.STORAGE_KEY]
    return sum(
        flash_image.stored_block(image, key, number, len(block)) == block
        for number, block in served.items()
    )


def _keys(image: bytes) -> list[bytes]:
    """Return the keys in an image's root."""
    return [key for root in flash_image.roots(image) for key in flash_image.byte_strings(root)]
