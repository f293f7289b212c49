"""Runs in both interpreters: what a car's state tells after each frame."""

from gateway.cbor import decode
from gateway.vehicle.state import VehicleState


def receive_all(profile: bytes, frames: list) -> list:  # type: ignore[type-arg]
    """Return [status, value of each leaf of its message, ...] for each frame of frames."""
    compiled = decode(profile)
    state = VehicleState(compiled)
    leaves = [[] for _ in compiled["received"]]  # type: ignore[var-annotated]
    for leaf, row in enumerate(compiled["leaves"]):
        leaves[compiled["payloads"][row[1]][0]].append(leaf)
    outcomes: list[list[object]] = []
    for bus, arbitration_id, is_extended_id, data in frames:
        status = state.receive(bus, arbitration_id, is_extended_id, data, 0)
        told = [state.value(leaf, 0) for leaf in leaves[status]] if status >= 0 else []
        outcomes.append([status])
        outcomes[-1].extend(told)
    return outcomes
