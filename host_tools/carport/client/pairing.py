"""Pairing over the cable: the gateway's first key for this user, and what is learnt with it."""

import asyncio
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace

import aiocoap
from aiocoap import error as coap_error

from carport.client.client import Client
from carport.client.dormant import Dormant, enrol
from carport.client.emulators import running_emulators
from carport.client.keys import KeyExchange, NewKey
from carport.client.known_gateways import (
    KnownGateway,
    check_free,
    check_name,
    keep,
    new_gateway,
    suggest_name,
)
from carport.client.lan import discover, first_to_answer
from carport.client.principals import cut_name
from carport.client.route import Log, Via, open_cable
from carport.client.serial_port import usb_ports
from carport.client.system import System
from carport.errors import CarportError, NoAnswerError, NotAuthorisedError, UsageError

_DISCOVERY_S = 2.0
_ADDRESS_PROOF_S = 2.0


@dataclass(frozen=True)
class Paired:
    """A gateway that was just paired with, and what it says of itself, if it may tell us."""

    gateway: KnownGateway
    system: System | None


def find_port(choose: Callable[[list[str]], str]) -> str:
    """Return the only port where a gateway may be; let choose() pick where there are several.

    Raises:
        UsageError: there is none.
    """
    ports = [emulator.serial_port for emulator in running_emulators()] or usb_ports()
    if not ports:
        raise UsageError(
            "no board is connected and no emulator runs: connect one, or start `carport emulate`"
        )
    return ports[0] if len(ports) == 1 else choose(ports)


async def pair(
    port: str,
    name: str | None,
    *,
    is_replacing: bool,
    timeout_s: float,
    on_log: Log = lambda line: None,
) -> Paired:
    """Pair with the gateway at a serial port, and remember it under name, or its own name.

    Raises:
        UsageError: the name is taken or cannot be one, or there is no such port.
        NotAuthorisedError: pairing is not open.
        NoAnswerError: nobody answers there.
    """
    if name is not None:
        check_name(name)
        check_free(name, is_replacing)
    deadline = asyncio.get_running_loop().time() + timeout_s
    route = await open_cable(port, deadline, on_log)
    try:
        key = await _exchange_keys(route.address, deadline)
    finally:
        await route.close()
    name = name or suggest_name(key.gateway)
    check_free(name, is_replacing)
    with new_gateway() as new:
        new.contexts.add(key.sender_id, key.recipient_id, key.secret)
        # The first request under the new key makes it durable on the board.
        async with Client(new, port=port, timeout_s=timeout_s, on_log=on_log) as client:
            system = await client.system()
            new = replace(client.gateway, profile=system.profile, role="owner")
        new = keep(new, name, is_replacing)
    address = await _find_address(new, system)
    if address is not None:
        new = replace(new, addresses=[address])
        new.save()
    return Paired(new, system)


async def pair_by(
    dormant: Dormant,
    name: str | None,
    *,
    is_replacing: bool,
    via: Via,
    port: str | None,
    timeout_s: float,
    refusal: str,
    on_log: Log = lambda line: None,
) -> Paired:
    """Pair by an invitation or a backup, and remember the gateway under name, or its owner's.

    refusal: what to say if the gateway does not take the credential.

    Raises:
        UsageError: the name is taken or cannot be one.
        NotAuthorisedError: the credential was used already, or withdrawn.
        NoAnswerError: the gateway cannot be reached.
    """
    name = name or suggest_name(dormant.gateway)
    check_name(name)
    check_free(name, is_replacing)
    deadline = asyncio.get_running_loop().time() + timeout_s
    with new_gateway() as new:
        new = replace(new, addresses=dormant.addresses, role=dormant.grant.role)
        key = await enrol(
            dormant,
            new,
            via=via,
            port=port,
            deadline=deadline,
            refusal=refusal,
            on_log=on_log,
        )
        new.contexts.add(key.sender_id, key.recipient_id, key.secret)
        # From here on the key is ours, whatever else goes wrong.
        new = keep(new, name, is_replacing)
    try:
        async with Client(new, via=via, port=port, timeout_s=timeout_s, on_log=on_log) as client:
            system = await client.system()
            new = replace(client.gateway, profile=system.profile)
            new.save()
            return Paired(new, system)
    except (NotAuthorisedError, NoAnswerError):  # not all may ask, nor a guest at any time
        return Paired(new, None)


async def _exchange_keys(address: str, deadline: float) -> NewKey:
    exchange = KeyExchange("pair", {"name": cut_name(platform.node() or "owner")})
    client = await aiocoap.Context.create_client_context(transports=["simple6"])
    try:
        request = aiocoap.Message(
            code=aiocoap.POST,
            uri=f"coap://{address}/pair",
            payload=exchange.payload,
            content_format=60,
        )
        async with asyncio.timeout_at(deadline):
            response = await client.request(request).response
    except (TimeoutError, coap_error.Error) as error:
        raise NoAnswerError(
            "nobody answers at this port: check that it is the gateway's, and powered"
        ) from error
    finally:
        await client.shutdown()
    if response.code is aiocoap.FORBIDDEN:
        raise NotAuthorisedError(
            "pairing is closed: hold the board's button for 3 s, then pair within a minute"
        )
    if not response.code.is_successful():
        text = response.payload.decode(errors="replace") or str(response.code)
        raise CarportError(f"the gateway did not pair ({text}): try again")
    return exchange.finish(response.payload)


async def _find_address(gateway: KnownGateway, system: System) -> str | None:
    """Return the gateway's address on the LAN, if it can be found there by its key."""
    told = system.platform.get("address")
    if isinstance(told, str) and await first_to_answer([told], _ADDRESS_PROOF_S):
        return told
    for emulator in running_emulators():
        if emulator.serial_port == gateway.serial_port:
            return emulator.address
    candidates = await discover(_DISCOVERY_S)
    for address in candidates:
        probe = replace(gateway, addresses=[address])
        try:
            async with Client(probe, via="lan", timeout_s=_ADDRESS_PROOF_S) as client:
                await client.system()
                return address
        except (NoAnswerError, NotAuthorisedError):
            continue
    return None
