"""The power modes' promises, whatever happens to a board."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from firmware.power import BY_BUTTON, Power

SECOND = 1000
MINUTE = 60 * SECOND
LOW_MV = 12_200


@dataclass(frozen=True)
class Look:
    """What a board finds at one of its looks; ages in seconds."""

    after_s: int
    mode: str
    supply_mv: int | None
    heard_s: int
    asked_s: int | None
    is_observed: bool
    is_held: bool


LOOKS = st.lists(
    st.builds(
        Look,
        after_s=st.sampled_from([1, 1, 1, 5, 30, 61]),
        mode=st.sampled_from(["reachable", "stored"]),
        supply_mv=st.sampled_from([None, 9_000, 12_199, 12_200, 12_499, 12_500, 14_400]),
        heard_s=st.sampled_from([0, 9, 10, 1000]),
        asked_s=st.sampled_from([None, 0, 179, 180]),
        is_observed=st.booleans(),
        is_held=st.booleans(),
    ),
    max_size=60,
)


@given(LOOKS, st.sampled_from(["", BY_BUTTON, "bus", "timer"]), st.booleans())
def test_a_board_sleeps_when_it_may_and_never_else(
    looks: list[Look], woken_by: str, was_low: bool
) -> None:
    power = Power(woken_by, was_low, 0)
    now_ms = 0
    low_since_ms: int | None = None
    for look in looks:
        now_ms += look.after_s * SECOND
        settings = {"mode": look.mode, "interval_s": 900, "low_mv": LOW_MV}
        was_forced = power.is_forced
        is_stored = power.look(settings, look.supply_mv, now_ms)
        asked_ms = None if look.asked_s is None else now_ms - look.asked_s * SECOND
        heard_ms = now_ms - look.heard_s * SECOND
        sleeps = is_stored and power.may_sleep(
            heard_ms, asked_ms, look.is_observed, look.is_held, now_ms
        )

        is_low = look.supply_mv is not None and look.supply_mv < LOW_MV
        low_since_ms = (low_since_ms or now_ms) if is_low else None
        if power.is_forced and not was_forced:
            assert low_since_ms is not None
            assert now_ms - low_since_ms >= MINUTE
        if was_forced and not power.is_forced:
            assert look.supply_mv is None or look.supply_mv >= LOW_MV + 300
        if look.supply_mv is None:
            assert not power.is_forced

        assert is_stored == (power.is_forced or look.mode == "stored")
        if sleeps:
            assert now_ms >= MINUTE
            assert not look.is_held
            assert look.heard_s >= 10
            if not power.is_forced:
                assert not look.is_observed
                assert look.asked_s is None or look.asked_s >= 180
                assert woken_by in ("bus", "timer") or now_ms >= 10 * MINUTE
        elif is_stored and now_ms >= 10 * MINUTE and look.heard_s == 1000:
            is_wanted = look.is_held or look.is_observed or look.asked_s in (0, 179)
            is_rising = look.supply_mv is not None and look.supply_mv >= LOW_MV + 300
            assert is_wanted or (power.is_forced and is_rising)
