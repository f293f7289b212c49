"""Between the buses of a bench everything is sent, and only what is allowed crosses."""

import copy
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carport.profile import compile_profile
from gateway.can.router import RoutedFrame, Router
from tests.differential.route import EXT_ID, crossing, route
from tests.vm import Both

PROFILE = compile_profile(Path(__file__).resolve().parents[1] / "profiles" / "bench")
BODY, POWERTRAIN = 0, 1
OWN_ID = 0x1A8

# The rows of a route.
FROM, TO, ID, MASK, IS_EXTENDED, LENGTH, RATE_HZ, BURST = range(8)

# What may cross, said once more: (from, to, id, flags, length).
ALLOWED = {
    (BODY, POWERTRAIN, 0x130, 0, 8),
    (BODY, POWERTRAIN, 0x18FF1234, EXT_ID, 8),
    *((POWERTRAIN, BODY, 0x1A0 + n, 0, 4) for n in range(16) if 0x1A0 + n != OWN_ID),
    *((POWERTRAIN, BODY, 0x18DA1000 + 16 * n, EXT_ID, 2) for n in range(16)),
}
ALLOWED_EXTENDED = sorted(row[2] for row in ALLOWED if row[3])
NEIGHBOURS = {each ^ 1 << bit for each in ALLOWED_EXTENDED for bit in range(29)}
EXTENDED = sorted(
    {
        *ALLOWED_EXTENDED,
        *NEIGHBOURS,
        *(row[2] for row in ALLOWED if not row[3]),  # the same numbers, but of 29 bits
        *random.Random(1).sample(range(1 << 29), 500),
        0,
        (1 << 29) - 1,
    }
)


def changed(index: int, **changes: int | bool) -> dict[str, Any]:
    """Return the profile with another number in some places of a route."""
    profile = copy.deepcopy(PROFILE)
    for place, value in changes.items():
        profile["routes"][index][globals()[place]] = value
    return profile


def mutations() -> Iterator[tuple[int, dict[str, int | bool]]]:
    """Yield every route with one thing wrong about what it lets through."""
    for index, row in enumerate(PROFILE["routes"]):
        for bit in range(29 if row[IS_EXTENDED] else 11):
            if row[MASK] >> bit & 1:
                yield index, {"ID": row[ID] ^ 1 << bit}
            yield index, {"MASK": row[MASK] ^ 1 << bit}
        yield index, {"IS_EXTENDED": not row[IS_EXTENDED]}
        yield index, {"LENGTH": row[LENGTH] + 1}
        yield index, {"LENGTH": row[LENGTH] - 1}
        yield index, {"FROM": row[TO], "TO": row[FROM]}
        yield index, {"TO": row[FROM]}
        yield index, {"FROM": row[TO]}


def test_of_all_frames_in_both_directions_only_the_allowed_ones_cross(both: Both) -> None:
    crossed = both("tests.differential.route", "crossing", PROFILE, EXTENDED, list(range(9)))
    assert len(crossed) == len(ALLOWED)
    assert set(crossed) == ALLOWED


@pytest.mark.parametrize("index", range(len(PROFILE["routes"])))
def test_every_mutation_of_a_route_is_noticed(index: int) -> None:
    lengths = sorted({row[LENGTH] for row in PROFILE["routes"]})
    assert set(crossing(PROFILE, EXTENDED, lengths)) == ALLOWED
    for changes in [changes for each, changes in mutations() if each == index]:
        assert set(crossing(changed(index, **changes), EXTENDED, lengths)) != ALLOWED, changes


def test_without_routes_nothing_crosses() -> None:
    assert crossing({**PROFILE, "routes": []}, EXTENDED, [0, 2, 4, 8]) == []


def test_a_route_back_or_of_the_gateways_own_id_lets_nothing_through() -> None:
    back = [POWERTRAIN, POWERTRAIN, 0x300, 0x700, False, 8, 1, 1]
    own = [BODY, POWERTRAIN, OWN_ID, 0x7FF, False, 4, 1, 1]
    other_way = [POWERTRAIN, BODY, OWN_ID, 0x7FF, False, 4, 1, 1]
    profile = {**PROFILE, "routes": [back, own, other_way]}
    assert crossing(profile, EXTENDED, [4, 8]) == []


def test_one_frame_may_take_several_routes() -> None:
    rows = [
        [0, 1, 0x123, 0x7FF, False, 1, 1, 1],
        [0, 2, 0x100, 0x700, False, 1, 1, 1],
        [0, 3, 0x123, 0x7FF, False, 1, 1, 1],
        [0, 3, 0x120, 0x7F1, False, 1, 1, 1],
    ]
    buses = [[name, 500_000] for name in "abcd"]
    profile = {"buses": buses, "routes": rows, "transmitted": []}
    crossed = {row[:3] for row in crossing(profile, [], [1]) if row[2] in (0x122, 0x123)}
    assert crossed == {(0, 1, 0x123), (0, 2, 0x123), (0, 3, 0x123), (0, 2, 0x122), (0, 3, 0x122)}


def frames(
    times_ms: list[int], arbitration_id: int = 0x130, bus: int = BODY, length: int = 8
) -> list[tuple[int, int, int, bytes, int]]:
    return [(bus, arbitration_id, 0, bytes(length), now_ms) for now_ms in times_ms]


def test_a_burst_and_then_the_rate(both: Both) -> None:
    """5 at once, then 20 a second."""
    times_ms = [*[1000] * 6, 1049, 1050, 1050, 1099, 1100, *[9000] * 9]
    counts = both("tests.differential.route", "route", PROFILE, frames(times_ms))
    #   1000: 5 of 6; 1049: no; 1050: 1 of 2; 1099: no; 1100: 1; 9000: 5 of 9
    assert counts[0] == [5 + 1 + 1 + 5, 0, 1 + 1 + 1 + 1 + 4, 0]
    assert counts[1:] == [[0] * 4] * 3


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    assert route(PROFILE, frames([0, *[100] * 9]))[0] == [1 + 5, 0, 4, 0]


def test_in_the_long_run_it_is_the_rate() -> None:
    counts = route(PROFILE, frames(list(range(10_001))))
    assert counts[0] == [5 + 10 * 20, 0, 10_001 - 205, 0]


@given(
    rate_hz=st.integers(1, 10_000),
    burst=st.integers(1, 64),
    gaps_ms=st.lists(st.one_of(st.integers(0, 60), st.integers(0, 1 << 40)), max_size=60),
)
def test_a_bucket_is_as_full_as_exact_arithmetic_says(
    rate_hz: int, burst: int, gaps_ms: list[int]
) -> None:
    level, passed, now_ms, times_ms = Fraction(burst), 0, 0, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        times_ms.append(now_ms)
        level = min(level + Fraction(gap_ms * rate_hz, 1000), Fraction(burst))
        if level >= 1:
            level -= 1
            passed += 1
    counts = route(changed(0, RATE_HZ=rate_hz, BURST=burst), frames(times_ms))
    assert counts[0] == [passed, 0, len(gaps_ms) - passed, 0]


def test_a_wrong_length_takes_no_token() -> None:
    counts = route(PROFILE, frames([0] * 9, length=7) + frames([0] * 5))
    assert counts[0] == [5, 0, 0, 9]


def test_an_id_that_floods_does_not_starve_another() -> None:
    """Neither one with a route of its own, nor one under the same mask."""
    for flooding, other, burst in ((0x130, 0x131, 5), (0x1A0, 0x1A5, 2)):
        profile = changed(0, MASK=0x7FE)
        bus, length = (BODY, 8) if flooding == 0x130 else (POWERTRAIN, 4)
        mixed = []
        for now_ms in range(1000):
            mixed += frames([now_ms] * 4, flooding, bus, length)
            if now_ms % 50 == 0:
                mixed += frames([now_ms], other, bus, length)
        alone = route(profile, frames(list(range(1000)), flooding, bus, length))
        index = 0 if bus == BODY else 1
        assert alone[index][0] == burst + profile["routes"][index][RATE_HZ] - 1
        assert route(profile, mixed)[index][0] == alone[index][0] + 20


def test_a_mask_has_eight_buckets_and_one_for_all_other_ids() -> None:
    ids = [0x1A0 + n for n in range(16) if 0x1A0 + n != OWN_ID]
    flood = [each for n in ids for each in frames([7] * 10, n, POWERTRAIN, 4)]
    assert route(PROFILE, flood)[1] == [8 * 2 + 2, 0, 150 - 18, 0]
    crowd = [each for n in reversed(ids) for each in frames([7], n, POWERTRAIN, 4)]
    assert route(PROFILE, crowd)[1] == [8 + 2, 0, 5, 0]


def test_the_most_urgent_id_has_a_bucket_of_its_own_too() -> None:
    profile = changed(0, ID=0, MASK=0)
    mixed = frames([0] * 9, 0) + frames([0] * 9, 1) + frames([0], 0)
    assert route(profile, mixed)[0] == [10, 0, 9, 0]


def test_a_mask_of_few_ids_has_a_bucket_for_each() -> None:
    profile = changed(1, MASK=0x7F8)  # 0x1A0 to 0x1A7
    crowd = [each for n in range(8) for each in frames([7] * 3, 0x1A0 + n, POWERTRAIN, 4)]
    assert route(profile, crowd)[1] == [16, 0, 8, 0]


class Bench:
    """A router and what is with its controllers."""

    def __init__(self, profile: dict[str, Any] = PROFILE) -> None:
        self.router = Router(profile)

    def receive(self, arbitration_id: int, now_ms: int, first: int = 0) -> None:
        """Receive a frame of the body bus; its data begins with first."""
        data = memoryview(bytes((first, 1, 2, 3, 4, 5, 6, 7)))
        flags = EXT_ID if arbitration_id > 0x7FF else 0
        self.router.receive(BODY, [arbitration_id, data, flags, 0], now_ms)

    def give(self, now_ms: int) -> RoutedFrame:
        """Return the frame that the powertrain bus's controller is given."""
        frame = self.router.next_frame(now_ms)
        assert frame is not None
        assert frame.bus == POWERTRAIN
        return frame

    def counts(self, index: int) -> list[int]:
        return self.router.routes[index].counts


def test_one_frame_at_a_time_is_with_the_controller_and_they_keep_their_order() -> None:
    bench = Bench()
    for first in range(5):
        bench.receive(0x130, 0, first)
    bench.receive(0x18FF1234, 0, 9)
    for first in range(5):
        frame = bench.give(0)
        assert (frame.arbitration_id, frame.flags, frame.data[0]) == (0x130, 0, first)
        assert bench.router.next_frame(0) is None
        frame.ring.finish(first != 2)
    frame = bench.give(0)
    assert (frame.arbitration_id, frame.flags, frame.data[0]) == (0x18FF1234, EXT_ID, 9)
    frame.ring.finish(True)
    assert bench.router.next_frame(0) is None
    assert (bench.counts(0), bench.counts(2)) == ([4, 1, 0, 0], [1, 0, 0, 0])


def test_frames_that_wait_keep_no_other_route_from_waiting() -> None:
    """The controller is stuck; the rate alone would let more through than there is room for."""
    bench = Bench(changed(0, RATE_HZ=1000))
    for now_ms in range(50):
        bench.receive(0x130, now_ms)
        if now_ms % 20 == 0:
            bench.receive(0x18FF1234, now_ms)
    assert bench.counts(0) == [0, 45, 0, 0]
    assert bench.counts(2) == [0, 0, 0, 0]
    frame = bench.give(50)
    frame.ring.finish(True)
    bench.receive(0x130, 50)
    bench.receive(0x130, 50)
    assert bench.counts(0) == [1, 46, 0, 0]


def test_what_is_not_sent_in_time_is_taken_back_once_and_what_is_old_is_not_given() -> None:
    bench = Bench()
    assert bench.router.next_timeout() is None
    bench.receive(0x130, 1000, 1)
    bench.receive(0x130, 1001, 2)
    bench.receive(0x130, 1060, 3)
    assert bench.router.next_timeout() is None
    frame = bench.give(1010)
    assert bench.router.next_timeout() == 1100
    bench.router.handle_timer(1099)
    assert bench.router.cancels == []
    bench.router.handle_timer(1100)
    bench.router.handle_timer(1101)
    assert bench.router.cancels == [frame]
    assert bench.router.next_timeout() is None
    frame.ring.finish(False)
    frame = bench.give(1101)
    assert (frame.data[0], bench.router.next_timeout()) == (3, 1160)
    frame.ring.finish(True)
    assert bench.counts(0) == [1, 2, 0, 0]


def test_each_bus_has_its_own_ring_and_deadline() -> None:
    bench = Bench()
    bench.receive(0x130, 5)
    bench.router.receive(POWERTRAIN, [0x1A0, memoryview(bytes(4)), 0, 0], 3)
    first, second = bench.router.next_frame(6), bench.router.next_frame(6)
    assert first is not None
    assert second is not None
    assert {first.bus, second.bus} == {BODY, POWERTRAIN}
    assert bench.router.next_timeout() == 103
    bench.router.handle_timer(104)
    assert [frame.bus for frame in bench.router.cancels] == [BODY]


def test_cleared_it_has_dropped_all_and_begins_anew() -> None:
    bench = Bench()
    for first in range(3):
        bench.receive(0x130, 0, first)
    bench.give(0)
    bench.router.clear()
    assert bench.router.next_frame(0) is None
    assert bench.router.next_timeout() is None
    assert bench.counts(0) == [0, 3, 0, 0]
    bench.receive(0x130, 0, 7)
    assert bench.give(0).data[0] == 7
