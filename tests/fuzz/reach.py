"""What an input reaches: the jumps from line to line in the gateway's code, once or more often."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from tests.fuzz.plant import REPOSITORY

GATEWAY = str(REPOSITORY / "gateway")

Jump = tuple[str, int, int]
Reached = set[tuple[Jump, bool]]


def reached(run: Callable[[bytes], None], data: bytes) -> Reached:
    """Return the jumps, each also with whether it was made more than once."""
    jumps: Counter[Jump] = Counter()

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(GATEWAY):
            return None
        line = -frame.f_code.co_firstlineno

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal line
            jumps[file, line, frame.f_lineno] += 1
            line = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return {(jump, is_often) for jump, times in jumps.items() for is_often in {False, times > 1}}


def fewest(run: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """Return few of the inputs, and rather short ones, that reach all that they reach together."""
    reach = {data: reached(run, data) for data in inputs}
    left = Counter(jump for jumps in reach.values() for jump in jumps)
    kept = []
    for data in sorted(reach, key=lambda one: (-len(one), one)):
        if all(left[jump] > 1 for jump in reach[data]):
            left.subtract(reach[data])
        else:
            kept.append(data)
    return kept
