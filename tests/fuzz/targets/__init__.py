"""What is fuzzed: a module a target, with `run(data)`, `seeds()` and the MODULES it is about.

`run` raises only if a promise is broken. `seeds` are well-formed inputs: the RFCs' own examples,
and what was recorded from sessions of the models. MODULES are the files whose coverage
counts, as patterns.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Protocol

NAMES = ("cbor", "coap", "oscore", "slipmux", "frames", "records", "door")


class Target(Protocol):
    """A module of this folder."""

    MODULES: Sequence[str]
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def load(name: str) -> Target:
    """Return a target; only now is what it fuzzes imported, so that it can be instrumented."""
    target: Target = importlib.import_module(f"{__name__}.{name}")
    return target
