"""Samples as figures: medians and 99th percentiles."""

import statistics
from collections.abc import Sequence


def median(samples: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(samples))


def p99(samples: Sequence[float]) -> float:
    """Return the smallest sample that 99 % do not exceed."""
    ordered = sorted(samples)
    return float(ordered[-(-99 * len(ordered) // 100) - 1])


def text(value: float) -> str:
    """Return a figure with as many digits as mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
