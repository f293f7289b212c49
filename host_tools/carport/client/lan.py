"""Finding gateways on the local network: CoAP pings, and multicast discovery.

Neither is authenticated: who answers is only a candidate, until it proves itself with OSCORE.
"""

import asyncio
import secrets
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress

from gateway.coap import message as coap
from gateway.coap.message import Message
from gateway.coap.numbers import CON, CONTENT, EMPTY, GET, NON, RST, URI_PATH, URI_QUERY
from gateway.errors import DecodeError

PORT = 5683
ALL_COAP_NODES = "224.0.1.187"
RESOURCE_TYPE = "carport.gateway"
LINK = b"</system>;osc"  # all that a gateway tells a stranger, and only if that type was asked for

_PING_REPEAT_S = 0.25
_LOOPBACK = "127.0.0.1"
_LOOPBACK_INTERFACES = ("lo", "lo0")  # on Linux, on macOS

Address = tuple[str, int]


def parse_address(address: str) -> Address:
    """Return (host, port) of "host" or "host:port"."""
    host, separator, port = address.partition(":")
    return host, int(port) if separator else PORT


async def first_to_answer(addresses: Iterable[str], timeout_s: float) -> str | None:
    """Return the address that answers a CoAP ping first, or None if none does in time."""
    pings = [asyncio.ensure_future(_ping(address)) for address in addresses]
    try:
        for ping in asyncio.as_completed(pings, timeout=timeout_s):
            answered = await ping
            if answered is not None:
                return answered
    except TimeoutError:
        pass
    finally:
        for task in pings:
            task.cancel()
    return None


async def discover(timeout_s: float, interfaces: Iterable[str] | None = None) -> list[str]:
    """Return the addresses of the gateways that answer on the interfaces, or on all there are.

    It always takes timeout_s: answers come with a random delay.
    """
    names = [name for _, name in socket.if_nameindex()] if interfaces is None else interfaces
    found: dict[str, None] = {}
    await asyncio.gather(*(_discover_on(name, timeout_s, found) for name in names))
    return list(found)


async def _ping(address: str) -> str | None:
    """Return address as soon as it answers a ping; None if it cannot be reached."""
    loop = asyncio.get_running_loop()
    asked: set[int] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, parse_address(address))
            while True:
                ping = Message(CON, EMPTY, secrets.randbelow(0x10000))
                asked.add(ping.message_id)
                await loop.sock_sendall(sock, coap.encode(ping))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PING_REPEAT_S):
                        await _answer_to_any(asked, sock)
                    return address
        except OSError:
            return None


async def _answer_to_any(asked: set[int], sock: socket.socket) -> None:
    """Return once one of these pings is answered: a slow board answers one of the first."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(DecodeError):
            answer = coap.decode(await loop.sock_recv(sock, 1500))
            if answer.type == RST and answer.message_id in asked:
                return


async def _discover_on(interface: str, timeout_s: float, found: dict[str, None]) -> None:
    loop = asyncio.get_running_loop()
    token = secrets.token_bytes(4)
    options = [
        (URI_PATH, b".well-known"),
        (URI_PATH, b"core"),
        (URI_QUERY, f"rt={RESOURCE_TYPE}".encode()),
    ]
    request = Message(NON, GET, secrets.randbelow(0x10000), token, options)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            _send_by(sock, interface)
            await loop.sock_sendto(sock, coap.encode(request), (ALL_COAP_NODES, PORT))
        except OSError:
            return  # the interface has no IPv4, or is down
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    data, (host, port) = await loop.sock_recvfrom(sock, 1500)
                    if _is_gateway(data, token):
                        found[f"{host}:{port}"] = None
        except TimeoutError:
            return


def _send_by(sock: socket.socket, interface: str) -> None:
    """Let sock send multicasts by this interface, not beyond its link, and to this machine too.

    A gateway hears hosts of its own subnet alone, and on loopback the system would send from some
    other interface's address.
    """
    if interface in _LOOPBACK_INTERFACES:
        sock.bind((_LOOPBACK, 0))
    any_address = socket.inet_aton("0.0.0.0")
    index = socket.if_nametoindex(interface)
    request = struct.pack("@4s4si", socket.inet_aton(ALL_COAP_NODES), any_address, index)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)


def _is_gateway(data: bytes, token: bytes) -> bool:
    try:
        answer = coap.decode(data)
    except DecodeError:
        return False
    return answer.code == CONTENT and answer.token == token and answer.payload == LINK
