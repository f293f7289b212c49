"""Runs in both interpreters: what a car's state tells after each frame."""

from hashlib import sha256
from struct import pack

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


def digest_all(profile: bytes, count: int, frames: bytes) -> bytes:
    """Return a digest of what receive_all returns; frames: count of them, 15 bytes each.

    bus, id (4 bytes, big-endian), is extended, length, data padded to 8.
    """
    unpacked = []
    for at in range(0, 15 * count, 15):
        length = frames[at + 6]
        arbitration_id = int.from_bytes(frames[at + 1 : at + 5], "big")
        data = frames[at + 7 : at + 7 + length]
        unpacked.append((frames[at], arbitration_id, frames[at + 5] != 0, data))
    digest = sha256()
    for outcome in receive_all(profile, unpacked):
        for value in outcome:
            is_float = type(value) is float
            digest.update(pack("<d", value) if is_float else repr(value).encode() + b" ")
    return digest.digest()
