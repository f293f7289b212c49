"""A thousand commands, and half-way through the wide area network is gone: does it matter?"""

import time
from collections import Counter
from collections.abc import Callable
from statistics import median

from tests.audit.board import Board
from tests.audit.check import Build, Depth, Outcome
from tests.audit.home import Home
from tests.audit.leaving import LISTEN

_COMMANDS = {Depth.QUICK: 8, Depth.USUAL: 1000, Depth.FULL: 1000}
_KINDS: tuple[tuple[str, Callable[[Board], str]], ...] = (
    ("lock", lambda board: board.lock("lock")),
    ("unlock", lambda board: board.lock("unlock")),
    ("climate on", lambda board: board.climate(True)),
    ("climate off", lambda board: board.climate(False)),
)


def wan_cut(build: Build, depth: Depth) -> Outcome:
    """Command in turn, and compare the halves, kind by kind."""
    outcome = Outcome(_COMMANDS[depth])
    half = _COMMANDS[depth] // 2
    with Home() as home, Board(build, LISTEN, home.board, home.pc) as board:
        board.pair()
        board.sim("set", values={"sleep_after": 3600})
        up, up_ms = _command(board, half)
        home.cut_wan()
        cut, cut_ms = _command(board, half)
    for kind in up.keys() | cut.keys():
        if up[kind] != cut[kind]:
            outcome.found[f"{kind}: {up[kind]} with the WAN, {cut[kind]} without"] += 1
    outcome.figures["outcomes of each half"] = dict(up)
    outcome.figures["median with and without"] = f"{up_ms:.1f} ms, {cut_ms:.1f} ms"
    return outcome


def _command(board: Board, count: int) -> tuple[Counter[str], float]:
    """Return how often each command ended how, and how long they took."""
    outcomes: Counter[str] = Counter()
    taken_ms = []
    for number in range(count):
        name, command = _KINDS[number % len(_KINDS)]
        begin_s = time.monotonic()
        try:
            state = command(board)
        except AssertionError:
            state = "no answer"
        taken_ms.append(1000 * (time.monotonic() - begin_s))
        outcomes[f"{name}: {state}"] += 1
    return outcomes, median(taken_ms)
