"""What a power cut can leave of the operation that it interrupts, byte for byte.

A page is programmed, and a block erased, all of it at once, in pulses: a bit may have flipped and
its neighbour not. So beside what was done from the front, bytes and bits here and there are tried.
"""

from collections.abc import Iterator
from random import Random

from tests.power.chip import BLOCK_BYTES


def torn(old: bytes, new: bytes, random: Random) -> Iterator[tuple[str, bytes]]:
    """Yield what may be between old and new, each once, as (how it was torn, content)."""
    seen = {old, new}
    for how, content in _candidates(old, new, random):
        if content not in seen:
            seen.add(content)
            yield how, content


def after(old: bytes, data: bytes | None) -> bytes:
    """Return what an operation leaves of what was there; data: what is programmed, None erases."""
    if data is None:
        return b"\xff" * BLOCK_BYTES
    return bytes(had & wanted for had, wanted in zip(old, data, strict=True))


def _candidates(old: bytes, new: bytes, random: Random) -> Iterator[tuple[str, bytes]]:
    size = len(new)
    changed = [place for place in range(size) if old[place] != new[place]]
    if not changed:
        return
    # Where something changes, so that the cut is not before or after all of it.
    place = random.choice(changed)
    yield "front", new[:place] + old[place:]
    yield "front and some bits", new[:place] + _some_bits(old, new, random)[place:]
    yield "back", old[:place] + new[place:]
    chosen = random.randbytes(size)
    yield "bytes", bytes(n if c & 1 else o for o, n, c in zip(old, new, chosen, strict=True))
    yield "bits", _some_bits(old, new, random)
    yield "all but a bit", _all_but_a_bit(old, new, place, random)


def _some_bits(old: bytes, new: bytes, random: Random) -> bytes:
    mask = int.from_bytes(random.randbytes(len(new)), "big")
    before, after = int.from_bytes(old, "big"), int.from_bytes(new, "big")
    return (before & ~mask | after & mask).to_bytes(len(new), "big")


def _all_but_a_bit(old: bytes, new: bytes, place: int, random: Random) -> bytes:
    flipped = old[place] ^ new[place]
    bit = random.choice([1 << n for n in range(8) if flipped >> n & 1])
    return new[:place] + bytes([new[place] ^ bit]) + new[place + 1 :]
