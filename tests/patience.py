"""A client that waits where it would ask again: loopback loses nothing, but much may be late."""

import sys
from collections.abc import Callable
from typing import Any

from carport.client import client, clock, pairing, route, serial_port, session

_WAITING = (
    (session.Tuning, "ACK_TIMEOUT"),
    (session, "_ASK_AGAIN_S"),
    (clock, "GIVING_S"),
    (client, "GIVING_S"),
    (pairing, "_ADDRESS_PROOF_S"),
    (route, "_PING_S"),
    (serial_port, "_WRITE_TIMEOUT_S"),
)
_LONG_S = 30.0

CARPORT = [
    sys.executable,
    "-c",
    "import carport.cli, tests.patience; tests.patience.be_patient(); carport.cli.main()",
]
"""`carport` as a patient client, in a process of its own."""


def be_patient(set_attribute: Callable[[Any, str, float], None] = setattr) -> None:
    """Let all clients in this process wait long for what is to come."""
    for where, name in _WAITING:
        set_attribute(where, name, _LONG_S)
