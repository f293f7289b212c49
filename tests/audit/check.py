"""What a check is, and what came of it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from tests.attack.defence import Defence

Build = Mapping[str, str]
"""The environment that makes emulator and host tool use certain sources; {}: the real ones."""


class Depth(IntEnum):
    """How much a check does: enough to find a planted leak, what is usual, an hour of each."""

    QUICK = 0
    USUAL = 1
    FULL = 2


@dataclass
class Outcome:
    """How much was looked at, what was found, and what else there is to tell."""

    looked_at: int = 0
    found: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)


class Check(NamedTuple):
    """A promise, and how it is looked at.

    asks: the promise, in a few words. unit: what `Outcome.looked_at` counts.
    plants: each breaks the promise, as lines of the sources and what stands there instead.
    """

    name: str
    asks: str
    unit: str
    run: Callable[[Build, Depth], Outcome]
    plants: tuple[Defence, ...]
    needs_network: bool = False
