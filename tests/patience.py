"""A client that waits where it would ask again: loopback loses nothing, but much may be late.

And one that looks for lost gateways where none is: an emulator of another test would count it.
"""

import sys
from collections.abc import Callable
from typing import Any

from carport.client import client, clock, lan, pairing, route, serial_port, session

NOBODYS_GROUP = "233.252.0.1"  # for documentation. Source: RFC 6676 section 2

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
    "import carport.cli; from tests.patience import be_patient, disturb_nobody; "
    "be_patient(); disturb_nobody(); carport.cli.main()",
]
"""`carport` as a patient client that disturbs nobody, in a process of its own."""


def be_patient(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let all clients in this process wait long for what is to come."""
    for where, name in _WAITING:
        set_attribute(where, name, _LONG_S)


def disturb_nobody(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let all clients in this process look for lost gateways in a group where none is."""
    set_attribute(lan, "ALL_COAP_NODES", NOBODYS_GROUP)
