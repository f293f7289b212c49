"""The replay window: each number once, none too old, none before it is known."""

import pytest

from gateway.errors import ReplayError
from gateway.oscore.replay_window import WINDOW_SIZE, ReplayWindow
from tests.vm import Both

MODULE = "tests.differential.oscore"


@pytest.mark.parametrize(
    ("sequences", "verdicts"),
    [
        ([0, 0, 1, 1, 0], [True, False, True, False, False]),
        ([5, 3, 4, 3, 0, 0], [True, True, True, False, True, False]),
        ([31, 0, 0], [True, True, False]),
        ([32, 0, 1], [True, False, True]),
        ([0, 31, 0], [True, True, False]),
        ([100, 68, 69, 69, 132, 100, 101], [True, False, True, False, True, False, True]),
        ([0, 1 << 39, 0, (1 << 39) - 31], [True, True, False, True]),
        ([(1 << 40) - 1, (1 << 40) - 1], [True, False]),
    ],
)
def test_new_window(sequences: list[int], verdicts: list[bool], both: Both) -> None:
    assert both(MODULE, "window_verdicts", None, sequences) == verdicts


@pytest.mark.parametrize("start", [0, 10, 1000, (1 << 40) - 40])
def test_initialized_window_has_seen_all_up_to_its_start(start: int, both: Both) -> None:
    old = [n for n in range(start - 40, start + 1) if n >= 0]
    new = [start + 1, start + 5, start + 3]
    verdicts = both(MODULE, "window_verdicts", start, old + new + old)
    assert verdicts == [False] * len(old) + [True] * len(new) + [False] * len(old)


def test_window_is_as_wide_as_it_says() -> None:
    window = ReplayWindow(is_known=True)
    window.accept(1000)
    new = [n for n in range(900, 1000) if window.is_new(n)]
    assert new == list(range(1000 - WINDOW_SIZE + 1, 1000))


@pytest.mark.parametrize("sequence", [0, 1, 1000, (1 << 40) - 1])
def test_nothing_is_new_to_an_unknown_window(sequence: int) -> None:
    assert not ReplayWindow(is_known=False).is_new(sequence)


def test_known_window_is_not_initialized_again() -> None:
    window = ReplayWindow(is_known=True)
    window.accept(10)
    with pytest.raises(ReplayError):
        window.initialize(5)
    assert not window.is_new(10)
