"""UDP: the core's datagrams, and the group where a gateway is asked whether it is there.

MicroPython's sockets are the same on a PC and on an ESP32, but for what an address is: the core
takes any.
"""

import socket

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.core import Gateway

COAP_PORT = 5683
ALL_COAP_NODES = "224.0.1.187"  # RFC 7252 section 12.8

_MAX_BYTES = const(641)  # one more than the core takes, so that it can tell a longer one
_IPPROTO_IP = const(0)


class Udp:
    """Datagrams to and from one socket."""

    def __init__(self, gateway: "Gateway", opened: "socket.socket") -> None:
        self.stream = opened
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
        """Pass on one datagram."""
        data, peer = self._receive(_MAX_BYTES)
        self._receive_datagram(data, peer, now_ms)


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
    membership = _ipv4(ALL_COAP_NODES) + _ipv4(interface)
    opened.setsockopt(_IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)


def _ipv4(address: str) -> bytes:
    return bytes(int(part) for part in address.split("."))
