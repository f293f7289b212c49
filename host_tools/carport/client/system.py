"""What a gateway says of itself."""

from dataclasses import dataclass, field, fields
from typing import Any

import cbor2

from carport.errors import UnreadableError


@dataclass(frozen=True)
class System:
    """What a gateway says of itself; platform is what the board knows: heap, storage, address.

    power: how it saves power, as gateway/carport.cddl has it; empty if it neither sleeps nor
    measures its supply.
    """

    gateway: str
    version: str
    profile: str
    car: str
    uptime_ms: int
    counters: dict[str, int]
    can: list[dict[str, Any]]
    platform: dict[str, Any] = field(default_factory=dict)
    power: dict[str, Any] = field(default_factory=dict)


def decode_system(payload: bytes) -> System:
    """Return what the gateway says; what this program does not know of is left out.

    Raises:
        UnreadableError: it is not as gateway/carport.cddl says.
    """
    try:
        told = cbor2.loads(payload)
        known = {each.name for each in fields(System)}
        system = System(**{name: told[name] for name in told if name in known})
    except (cbor2.CBORDecodeError, TypeError) as error:
        raise UnreadableError("the gateway's answer") from error
    if not isinstance(system.power, dict):
        raise UnreadableError("the gateway's answer")
    return system
