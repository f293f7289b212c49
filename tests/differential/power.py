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
    for look in looks:
        told.append(power.look(*look))
        described = power.describe(0)
        told.append([[name, described[name]] for name in sorted(described)])
    return told


def keep(is_low: bool, at_least_s: int, slept_s: int, now_s: int) -> "list[Any]":
    """Return what is kept for a sleep, and what is read after it."""
    data = kept.encode(is_low, 2, at_least_s, slept_s)
    return [data, list(kept.decode(data, now_s))]
