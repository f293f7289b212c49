"""What both interpreters are given: the reference car, compiled, and its frames by cantools.

python -m tests.bench.inputs FILE       writes them for firmware/bench.py on a board
"""

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from carport.emulator import DEFAULT_CAR
from carport.profile import compile_profile
from carport.profile.installed import profile_folder
from firmware.bench_loop import DOORS, DRIVE
from gateway import cbor
from tests.differential.frames import protected
from tests.models.car import CLOSED, LOCKS, database

COUNTERS = 16
SIGNALS: dict[str, dict[str, Any]] = {
    DOORS: {**CLOSED, **dict.fromkeys(LOCKS, 1)},
    DRIVE: {"Gear": 3, "Speed": 50, "PowerState": 2},
}


@cache
def profile() -> dict[str, Any]:
    """Return the compiled profile."""
    return compile_profile(profile_folder(DEFAULT_CAR))


def frames() -> dict[str, list[tuple[int, bytes]]]:
    """Return, for each message that matters here, its frames in the order of their counters."""
    return {name: [frame(name, counter) for counter in range(COUNTERS)] for name in SIGNALS}


def frame(name: str, counter: int, changes: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
    """Return a frame as (id, data); changes: signals that are not as in SIGNALS."""
    message = database().get_message_by_name(name)
    signals = {**SIGNALS[name], **(changes or {}), "CRC": 0, "Counter": counter}
    return message.frame_id, protected(message.frame_id, message.encode(signals))


def for_the_vm() -> bytes:
    """Return the profile and the frames in CBOR."""
    lists = {name: [list(each) for each in sent] for name, sent in frames().items()}
    return cbor.encode([profile(), lists])


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(for_the_vm())
