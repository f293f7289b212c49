"""Runs in both interpreters: a frame with its checksum."""

from gateway.can.protection import make_protection


def filled(row: list, arbitration_id: int, data: bytes) -> bytes:  # type: ignore[type-arg]
    """Return data with the checksum that a protection's row puts into it."""
    buffer = bytearray(data)
    protection = make_protection(row, arbitration_id)
    assert protection is not None
    protection.fill(buffer)
    return bytes(buffer)
