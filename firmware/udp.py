"""UDP: the core's datagrams, and the group where a gateway is asked whether it is there.

Rules:

1. What does not come from one of the board's own subnets is dropped here, and counted: nobody on
   another network has any business with a car. On a PC what is sent has a time to live of 1 as
   well, so no router passes it on; MicroPython cannot set that on an ESP32.
2. What the core drops unread, because its host sends too much, costs no turn of the loop: up to 32
   such datagrams are taken at once, until one is read.
3. An empty datagram is dropped too. On an ESP32 it would be the last one for ever: a socket there
   takes it for the end of a connection (MicroPython, ports/esp32/modsocket.c, _socket_read_data).

An address is what MicroPython's sockets make of it: on a PC the bytes of a sockaddr_in, on an
ESP32 (host, port).
"""

import socket

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.core import Gateway

COAP_PORT = 5683
ALL_COAP_NODES = "224.0.1.187"  # RFC 7252 section 12.8

_MAX_BYTES = const(641)  # one more than the core takes, so that it can tell a longer one
_MAX_DROPPED = const(32)  # which is as much garbage as one that is read
_MAX_NEIGHBOURS = const(16)
_IPPROTO_IP = const(0)
_IP_TTL = const(2)
_IP_ADD_MEMBERSHIP = const(35)  # Linux's, where an older MicroPython names none


class Link:
    """The board's own subnets; `off_link` counts what came from elsewhere.

    look_up: returns each as (address, netmask), 4 bytes each; none while there is no network.
    """

    def __init__(self, look_up: "Callable[[], list[tuple[bytes, bytes]]]") -> None:
        self.off_link = 0
        self._look_up = look_up
        self._neighbours: set[bytes | str] = set()  # the last that were seen to be here

    def has(self, source: "bytes | str") -> bool:
        """Tell whether a host is on one of the subnets, and count one that is not."""
        if source in self._neighbours:
            return True
        for subnet in self._look_up():
            if _is_within(source, subnet):
                if len(self._neighbours) == _MAX_NEIGHBOURS:
                    self._neighbours.clear()
                self._neighbours.add(source)
                return True
        self.off_link += 1
        return False


class Udp:
    """Datagrams to and from one socket, and hosts on the same link."""

    def __init__(self, gateway: "Gateway", opened: "socket.socket", link: Link) -> None:
        self.stream = opened
        self._has = link.has
        self._send = opened.sendto
        self._receive = opened.recvfrom
        self._receive_datagram = gateway.receive_datagram

    def send(self, data: bytes, peer: "Any") -> None:
        """Send a datagram; one that the network does not take is lost, as any may be."""
        try:
            self._send(data, peer)
        except OSError:
            pass

    def handle(self, now_ms: int) -> None:
        """Pass on one datagram that is read, and drop those before it."""
        receive = self._receive
        for _ in range(_MAX_DROPPED):
            try:
                data, peer = receive(_MAX_BYTES)
            except OSError:  # there is none any more
                return
            if not data:
                _read_on(self.stream)
                continue
            source = peer[4:8] if isinstance(peer, bytes) else peer[0]
            if self._has(source) and self._receive_datagram(data, peer, now_ms, False, source):
                return


def open_socket(address: str, port: int) -> "socket.socket":
    """Return a socket that is bound there.

    Raises:
        OSError: the port is taken.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(socket.getaddrinfo(address, port)[0][-1])
    opened.setblocking(False)
    return opened


def open_group(interface: str) -> "socket.socket":
    """Return a socket for what is sent to all CoAP nodes on the interface with this address.

    Several programs may have one.

    Raises:
        OSError: there is no multicast.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(socket.getaddrinfo(ALL_COAP_NODES, COAP_PORT)[0][-1])
    opened.setblocking(False)
    join_group(opened, interface)
    return opened


def join_group(opened: "socket.socket", interface: str) -> None:
    """Let a socket receive what is sent to all CoAP nodes on the interface with this address.

    Raises:
        OSError: there is no multicast.
    """
    option = getattr(socket, "IP_ADD_MEMBERSHIP", _IP_ADD_MEMBERSHIP)
    opened.setsockopt(_IPPROTO_IP, option, ipv4(ALL_COAP_NODES) + ipv4(interface))


def stay_on_link(opened: "socket.socket") -> None:
    """Let no router pass on what a socket sends.

    Raises:
        OSError: the system does not allow it.
    """
    opened.setsockopt(_IPPROTO_IP, _IP_TTL, 1)


def netmask(prefix: int) -> bytes:
    """Return the netmask of a prefix of 0 to 32 bits."""
    bits = (1 << 32) - (1 << 32 - prefix)
    return bits.to_bytes(4, "big")


def ipv4(address: str) -> bytes:
    """Return an IPv4 address, which is not checked, as 4 bytes."""
    return bytes(int(part) for part in address.split("."))


def _read_on(opened: "socket.socket") -> None:
    """Let an ESP32's socket read on after an empty datagram: to be told to listen is a new start.

    UDP has no such thing, which is the error of it.
    """
    try:
        opened.listen(0)
    except OSError:
        pass


def _is_within(source: "bytes | str", subnet: "tuple[bytes, bytes]") -> bool:
    address, mask = subnet
    host = ipv4(source) if isinstance(source, str) else source
    differing = 0
    for index in range(4):
        differing |= (host[index] ^ address[index]) & mask[index]
    return not differing
