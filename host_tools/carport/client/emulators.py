"""The emulators that run on this machine, as they announce themselves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Emulator:
    """address: "host:port" of its CoAP server; serial_port: its cable."""

    address: str
    serial_port: str


def running_emulators() -> list[Emulator]:
    """Return all that run now."""
    return []
