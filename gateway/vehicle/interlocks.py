"""Conditions on the car's state: what must hold before a command, what confirms it after.

A condition is [leaf, operation, value], with the operation "equals", "above" or "below". A signal
that was never received, is stale or says "not available" makes it unknown: neither true nor false.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vehicle.state import Value, VehicleState

    Condition = list[Any]  # [leaf: int, operation: str, value: Value]

HOLDS = 0
VIOLATED = 1
UNKNOWN = 2

_ROUNDING_PARTS = const(10000)


def holds(value: "Any", operation: str, limit: "Any") -> bool:
    """Tell whether a known value satisfies an operation; numbers match within rounding."""
    if operation == "equals":
        if isinstance(value, (bool, str)) or isinstance(limit, (bool, str)):
            return bool(value == limit)
        return bool(abs(value - limit) * _ROUNDING_PARTS <= 1 + abs(limit))
    return bool(value > limit if operation == "above" else value < limit)


def judge(
    state: "VehicleState", conditions: "list[Condition]", now_ms: int
) -> "tuple[int, int, Value]":
    """Return (verdict, leaf, its value) for the first condition that does not hold.

    A violated condition comes before an unknown one. If all hold: (HOLDS, -1, None).
    """
    unknown = -1
    for leaf, operation, limit in conditions:
        value = state.value(leaf, now_ms)
        if value is None:
            unknown = leaf
        elif not holds(value, operation, limit):
            return VIOLATED, leaf, value
    if unknown >= 0:
        return UNKNOWN, unknown, None
    return HOLDS, -1, None
