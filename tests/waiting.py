"""Waiting for what must come: a test may take long to fail, and takes no time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 240.0
"""How late anything may be on a machine that has much else to do."""

_POLL_S = 0.01

T = TypeVar("T")


def wait_until(condition: Callable[[], T], told: Callable[[], object] = lambda: "") -> T:
    """Return what the condition returns, once that is true; told: what else to say if never."""
    end_s = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < end_s, f"waited in vain {told()}"
        time.sleep(_POLL_S)
    return result
