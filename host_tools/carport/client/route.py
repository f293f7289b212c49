"""The way to a gateway: its address on the LAN, or the cable, which is made to look like one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from carport.client.cable_relay import CableRelay, start_relay
from carport.client.emulators import running_emulators
from carport.client.known_gateways import KnownGateway
from carport.client.lan import discover, first_to_answer
from carport.client.serial_port import open_port
from carport.errors import CarportError

Via = Literal["lan", "serial", "auto"]
Log = Callable[[str], None]

_PING_S = 1.0
_DISCOVERY_S = 1.5


@dataclass(frozen=True)
class Route:
    """Where a gateway can be reached, for the time being.

    address: "host:port", the relay's if the route is a cable; port is the serial port then.
    is_certain: False if another gateway may be there, so that it has to prove itself first.
    """

    address: str
    port: str | None = None
    relay: CableRelay | None = None
    is_certain: bool = True

    async def close(self) -> None:
        """Let go of the cable."""
        if self.relay is not None:
            await self.relay.close()


async def open_cable(port: str, deadline: float, on_log: Log, is_certain: bool = True) -> Route:
    """Return the route through a serial port.

    Raises:
        UsageError, NoAnswerError: as serial_port.open_port().
    """
    relay = await start_relay(await open_port(port, deadline), on_log)
    return Route(relay.address, port, relay, is_certain)


async def routes(
    gateway: KnownGateway, via: Via, port: str | None, deadline: float, on_log: Log
) -> AsyncIterator[Route]:
    """Yield the routes that a gateway may be reached by, likeliest first; the caller closes them.

    A gateway that is being flooded answers no pings, so one that does not is still tried, later.

    port: a serial port to use instead of the one that is known; it excludes the LAN. With via
    "auto" a port that cannot be used is left out, otherwise it is waited for.

    Raises:
        UsageError, NoAnswerError: the port, or the only one known, cannot be used.
    """
    if port is not None:
        yield await open_cable(port, deadline, on_log)
        return
    if via != "serial":
        silent = gateway.addresses
        address = await _first_to_answer(silent, deadline)
        if address is not None:
            silent = []
            yield Route(address)
    emulated = [] if via == "lan" else [each.serial_port for each in running_emulators()]
    known = None if via == "lan" else gateway.serial_port
    if known in emulated or (known is not None and _is_cable(known)):
        if via == "serial":
            yield await open_cable(known, deadline, on_log, is_certain=known not in emulated)
        elif route := await _cable_if_free(known, on_log, is_certain=known not in emulated):
            yield route
        known = None
    if via != "serial":
        for address in silent:
            yield Route(address, is_certain=False)
        async for address in _found_on_lan(gateway, deadline):
            yield Route(address, is_certain=False)
    for other in emulated:
        if other == gateway.serial_port:
            continue
        if route := await _cable_if_free(other, on_log, is_certain=False):
            yield route
    if via == "serial" and known is not None:
        yield await open_cable(known, deadline, on_log)


async def _cable_if_free(port: str, on_log: Log, is_certain: bool) -> Route | None:
    try:
        return await open_cable(port, _now(), on_log, is_certain)
    except CarportError:
        return None


async def _found_on_lan(gateway: KnownGateway, deadline: float) -> AsyncIterator[str]:
    """Yield addresses where the gateway may be now: emulators on this machine, then the rest."""
    emulated = [emulator.address for emulator in running_emulators()]
    for address in emulated:
        if address not in gateway.addresses:
            yield address
    remaining_s = deadline - _now()
    for address in await discover(max(0.0, min(_DISCOVERY_S, remaining_s))):
        if address not in gateway.addresses and address not in emulated:
            yield address


async def _first_to_answer(addresses: list[str], deadline: float) -> str | None:
    remaining_s = deadline - _now()
    return await first_to_answer(addresses, min(_PING_S, remaining_s))


def _is_cable(port: str) -> bool:
    """Tell whether port is there, and no terminal: a number under /dev/pts is anybody's next."""
    return "://" in port or (os.path.exists(port) and not port.startswith("/dev/pts/"))


def _now() -> float:
    return asyncio.get_running_loop().time()
