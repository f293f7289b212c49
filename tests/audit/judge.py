"""What a machine at home may send, packet by packet.

A gateway answers, and never speaks first. So of what it sends only this passes:

1. UDP from its CoAP port to a host on the LAN that has sent it a datagram before, with a time to
   live of 1, so that no router passes it on.
2. What an IP stack says on the link by itself: ARP, IGMP reports of group membership, and, counted
   apart, the IPv6 of this PC's kernel (router and neighbour solicitations, MLD), all of it to
   link-local addresses. An ESP32 has a stack of its own.

The PC of its owner asks: rule 1 is that it speaks to the gateway, and to the CoAP nodes' group.
"""

import struct
from collections import Counter
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from tests.audit.capture import Packet

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, IGMP, UDP, ICMPV6 = 1, 2, 17, 58
HOP_BY_HOP = 0

LOOK_UP = "a look-up of a name"
TIME = "a question for the time"
PASSED_ON = "an answer that a router would pass on"

_NAMES = frozenset({53, 137, 853, 5353, 5355})
_NTP = 123
_LINK_6 = (IPv6Network("fe80::/10"), IPv6Network("ff02::/16"))
_LINK_4 = IPv4Network("224.0.0.0/24")
_LINK_ICMPV6 = frozenset({133, 135, 136, 143})
_ALL_COAP_NODES = IPv4Address("224.0.1.187")
_COAP_PORT = 5683

Address = tuple[IPv4Address | IPv6Address, int]


class Judge:
    """Judges packets in their order; `passed` and `found` count them, by what they are."""

    def __init__(self, lan: IPv4Network) -> None:
        self.passed: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self._lan = lan

    def see(self, packet: Packet) -> None:
        """Judge a packet."""
        kind = int.from_bytes(packet.frame[12:14])
        if not packet.is_sent:
            if kind == IPV4:
                self._hear(_Ip4(packet.frame[14:]))
        elif kind == ARP:
            self.passed["ARP"] += 1
        elif kind == IPV4:
            self._judge_4(_Ip4(packet.frame[14:]))
        elif kind == IPV6:
            self._judge_6(packet.frame[14:])
        else:
            self.found[f"an Ethernet frame of type {kind:#06x}"] += 1

    def may_send(self, packet: "_Ip4") -> str:
        """Return what this datagram is if rule 1 lets it pass, else ""."""
        raise NotImplementedError

    def _hear(self, packet: "_Ip4") -> None:
        """Take note of what the machine was sent."""

    def _judge_4(self, packet: "_Ip4") -> None:
        target = packet.target
        if packet.protocol == IGMP and (target in _LINK_4 or target == _ALL_COAP_NODES):
            self.passed["IGMP"] += 1
        elif packet.protocol == ICMP and target in self._lan:
            self.passed["ICMP"] += 1
        elif packet.protocol == UDP and (name := self.may_send(packet)):
            self.passed[name] += 1
        else:
            self.found[_charge(target, packet.port, target in self._lan)] += 1

    def _judge_6(self, data: bytes) -> None:
        target = ip_address(data[24:40])
        protocol, payload = data[6], data[40:]
        if protocol == HOP_BY_HOP:
            protocol, payload = payload[0], payload[8 * payload[1] + 8 :]
        is_link = any(target in network for network in _LINK_6)
        if protocol == ICMPV6 and is_link and payload[0] in _LINK_ICMPV6:
            self.passed["kernel's IPv6"] += 1
        else:
            port = int.from_bytes(payload[2:4]) if protocol == UDP else 0
            self.found[_charge(target, port, is_link)] += 1


class BoardJudge(Judge):
    """Judges what a gateway sends from its address."""

    def __init__(self, lan: IPv4Network, board: Address) -> None:
        super().__init__(lan)
        self._board = board
        self._hosts: set[Address] = set()

    def may_send(self, packet: "_Ip4") -> str:
        if packet.source_port != self._board[1] and packet.source_port != _COAP_PORT:
            return ""
        if packet.target not in self._lan or (packet.target, packet.port) not in self._hosts:
            return ""
        return "CoAP answers" if packet.ttl == 1 else ""

    def _judge_4(self, packet: "_Ip4") -> None:
        if (packet.target, packet.port) in self._hosts and packet.ttl != 1:
            self.found[PASSED_ON] += 1
        else:
            super()._judge_4(packet)

    def _hear(self, packet: "_Ip4") -> None:
        if packet.protocol == UDP and packet.target in (self._board[0], _ALL_COAP_NODES):
            self._hosts.add((packet.source, packet.source_port))


class PcJudge(Judge):
    """Judges what an owner's PC sends that runs the host tool."""

    def __init__(self, lan: IPv4Network, board: Address) -> None:
        super().__init__(lan)
        self._board = board

    def may_send(self, packet: "_Ip4") -> str:
        if (packet.target, packet.port) == self._board:
            return "CoAP to the board"
        is_discovery = (packet.target, packet.port) == (_ALL_COAP_NODES, _COAP_PORT)
        return "discovery" if is_discovery else ""


class _Ip4:
    """The fields of an IPv4 packet that matter here; ports are 0 where there are none."""

    def __init__(self, data: bytes) -> None:
        self.ttl = data[8]
        self.protocol = data[9]
        self.source, self.target = IPv4Address(data[12:16]), IPv4Address(data[16:20])
        self.source_port = self.port = 0
        if self.protocol in (6, UDP):
            self.source_port, self.port = struct.unpack_from(">HH", data, 4 * (data[0] & 15))


def _charge(target: IPv4Address | IPv6Address, port: int, is_near: bool) -> str:
    """Return what to call a packet that may not be."""
    if port in _NAMES:
        return f"{LOOK_UP}, to {target}"
    if port == _NTP:
        return f"{TIME}, to {target}"
    return f"unasked, to {target} on the link" if is_near else f"left the LAN for {target}"
