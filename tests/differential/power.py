"""firmware/power.py in either interpreter: the same looks, the same answers."""

from firmware import kept
from firmware.power import Power

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def walk(woken_by: str, is_forced: bool, looks: "list[list[Any]]") -> "list[Any]":
    """Return what a board answers to looks, and what it says of itself after each."""
    power = Power(woken_by, is_forced, 0)
    told: list[Any] = []
    for (settings, supply_mv), (heard_ms, asked_ms, is_observed, is_held), now_ms in looks:
        is_stored = power.look(settings, supply_mv, now_ms)
        may_sleep = power.may_sleep(heard_ms, asked_ms, is_observed, is_held, now_ms)
        told.append([is_stored, is_stored and may_sleep])
        described = power.describe(0)
        told.append([[name, described[name]] for name in sorted(described)])
    return told


def keep(is_low: bool, at_least_s: int, slept_s: int, now_s: int) -> "list[Any]":
    """Return what is kept for a sleep, and what is read after it."""
    data = kept.encode(is_low, 2, at_least_s, slept_s)
    return [data, list(kept.decode(data, now_s))]
