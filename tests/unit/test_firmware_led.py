"""The LED's patterns: each state's own, begun at once, and nothing else looks like it."""

import pytest

from firmware import led
from firmware.led import Led
from tests.vm import REPOSITORY

STATES = (led.FAULT, led.PAIRING, led.UPDATING, led.ARMED, led.CONNECTED, led.LISTENING)
COLOURS = {"fault": 4, "pairing": 1, "updating": 5, "armed": 2, "connected": 7, "listening": 7}


class Board:
    """An LED that notes when it changes, and the time."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.now_ms = 1000
        self.seen: list[tuple[int, str, int]] = []
        self.led = Led(self, lambda now_ms: self.state)

    def show(self, state: str, colour: int) -> None:
        self.seen.append((self.now_ms, state, colour))

    def run(self, until_ms: int) -> None:
        while self.now_ms < until_ms:
            self.led.handle_timer(self.now_ms)
            assert self.now_ms < self.led.due_ms <= self.now_ms + 1000
            self.now_ms = self.led.due_ms

    def lit_ms(self) -> list[int]:
        """Return how long it was on, off, on, off ..."""
        return [later[0] - now[0] for now, later in zip(self.seen, self.seen[1:], strict=False)]


def test_the_patterns() -> None:
    lit = {}
    for state in STATES:
        board = Board(state)
        board.run(12_000)
        assert {colour for _, _, colour in board.seen} == {0, COLOURS[state]}
        assert [colour > 0 for _, _, colour in board.seen[:4]] == [True, False, True, False]
        lit[state] = board.lit_ms()[:4]
    assert lit == {
        "fault": [160, 160, 160, 160],
        "pairing": [500, 500, 500, 500],
        "updating": [1900, 100, 1900, 100],
        "armed": [60, 180, 60, 2100],
        "connected": [60, 2340, 60, 2340],
        "listening": [60, 4940, 60, 4940],
    }


@pytest.mark.parametrize("state", STATES)
def test_a_new_state_shows_within_a_second(state: str) -> None:
    board = Board("listening" if state != "listening" else "armed")
    board.run(2_000)
    board.state = state
    since_ms = board.now_ms
    board.run(since_ms + 1_001)
    shown_ms = next(time_ms for time_ms, shown, colour in board.seen if shown == state and colour)
    assert shown_ms <= since_ms + 1_000


def test_it_goes_out_before_the_board_sleeps() -> None:
    board = Board(led.FAULT)
    board.led.handle_timer(board.now_ms)
    board.led.put_out()
    assert board.seen[-1] == (board.now_ms, "sleeping", 0)


def test_the_page_has_the_states_in_their_order() -> None:
    page = (REPOSITORY / "docs" / "board.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    told = [row[0] for row in rows if len(row) == 4 and row[0] != "state"]
    assert told == [*STATES]
    assert "| sleeping | dark |" in page
