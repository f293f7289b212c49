"""The firmware's UDP in the VM, with real sockets: who is heard, and how a flood is got rid of."""

import socket
import struct
import sys

import pytest

from firmware.udp import Link, ipv4, netmask
from tests.free_port import free_port
from tests.vm import run_script

IP_RECVTTL = 12  # of ip(7); Python has no name for it
SUBNET = ipv4("10.77.3.2"), netmask(22)

WORLD = """
import socket, sys
from firmware.udp import Link, Udp, ipv4, netmask, open_socket, stay_on_link

PORT = int(sys.argv[1])

class Core:
    # Reads what does not begin with a dot.
    def __init__(self):
        self.read = []
        self.dropped = 0

    def receive_datagram(self, data, peer, now_ms, on_cable=False, source=b""):
        if data.startswith(b"."):
            self.dropped += 1
            return False
        self.read.append((data, source, on_cable))
        return True

def host(address):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(socket.getaddrinfo(address, 0)[0][-1])
    opened.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
    return opened

core = Core()
server = open_socket("127.0.0.1", PORT)
link = Link(lambda: [(ipv4("127.0.0.9"), netmask(29))])
udp = Udp(core, server, link)
"""


def run(script: str) -> list[str]:
    return run_script(WORLD + script, args=[str(free_port())]).splitlines()


@pytest.mark.parametrize("kind", [bytes, str])
@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("10.77.3.9", True),
        ("10.77.0.0", True),
        ("10.77.3.255", True),
        ("10.77.4.0", False),
        ("10.76.3.9", False),
        ("11.77.3.9", False),
        ("127.0.0.1", False),
    ],
)
def test_a_link_has_the_hosts_of_its_subnet(address: str, is_here: bool, kind: type) -> None:
    link = Link(lambda: [SUBNET])
    source = address if kind is str else ipv4(address)
    assert [link.has(source) for _ in range(3)] == [is_here] * 3
    assert link.off_link == (0 if is_here else 3)


def test_a_board_with_an_access_point_too_has_two_subnets() -> None:
    link = Link(lambda: [SUBNET, (ipv4("192.168.4.1"), netmask(24))])
    assert [link.has(each) for each in ("192.168.4.7", "10.77.3.9", "192.168.5.7")] == [1, 1, 0]
    assert link.off_link == 1


def test_without_a_network_there_is_nobody() -> None:
    link = Link(list)
    assert not link.has("10.77.3.9")


def test_neighbours_are_looked_up_once_and_not_all_remembered() -> None:
    asked = []

    def look_up() -> list[tuple[bytes, bytes]]:
        asked.append(1)
        return [SUBNET]

    link = Link(look_up)
    for _ in range(10):
        assert link.has("10.77.3.9")
    assert len(asked) == 1
    for host in range(256):
        assert link.has(f"10.77.0.{host}")
    assert len(link._neighbours) <= 16


@pytest.mark.parametrize(
    ("prefix", "mask"), [(0, "0.0.0.0"), (8, "255.0.0.0"), (22, "255.255.252.0")]
)
def test_a_prefix_is_a_netmask(prefix: int, mask: str) -> None:
    assert netmask(prefix) == ipv4(mask)


def test_a_vm_that_has_no_name_for_it_joins_the_group_too() -> None:
    script = """
from firmware import udp as module

class Opened:
    def setsockopt(self, *option):
        print(option)

class Older:
    pass

module.socket = Older
module.join_group(Opened(), "127.0.0.1")
"""
    assert run(script) == ["(0, 35, b'\\xe0\\x00\\x01\\xbb\\x7f\\x00\\x00\\x01')"]


def test_an_empty_datagram_is_dropped() -> None:
    script = """
anna = host("127.0.0.8")
for data in (b"", b"", b"from Anna", b""):
    anna.send(data)
udp.handle(0)
udp.handle(0)
print(core.read, link.off_link)
"""
    assert run(script) == ["[(b'from Anna', b'\\x7f\\x00\\x00\\x08', False)] 0"]


def test_only_hosts_of_the_subnet_are_heard() -> None:
    assert run(
        """
for address in ("127.0.0.8", "127.0.0.15", "127.0.0.7", "127.0.0.16", "127.9.9.9"):
    host(address).send(b"from " + address.encode())
for _ in range(5):
    udp.handle(0)
print(core.read, link.off_link)
"""
    ) == [
        "[(b'from 127.0.0.8', b'\\x7f\\x00\\x00\\x08', False), "
        "(b'from 127.0.0.15', b'\\x7f\\x00\\x00\\x0f', False)] 3"
    ]


def test_one_turn_drops_32_datagrams_or_reads_one() -> None:
    assert run(
        """
near, far = host("127.0.0.8"), host("127.0.0.99")
for number in range(40):
    near.send(b"." * 40)
near.send(b"first")
near.send(b"second")
far.send(b"third")
for _ in range(5):
    udp.handle(0)
    print(core.dropped, [data for data, _, _ in core.read], link.off_link)
"""
    ) == [
        "32 [] 0",
        "40 [b'first'] 0",
        "40 [b'first', b'second'] 0",
        "40 [b'first', b'second'] 1",
        "40 [b'first', b'second'] 1",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="the option has another number there")
def test_no_router_passes_on_what_is_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        receiver.settimeout(60)
        port = receiver.getsockname()[1]
        run(
            f"""
stay_on_link(server)
udp.send(b"answer", socket.getaddrinfo("127.0.0.1", {port})[0][-1])
"""
        )
        data, ((_, _, time_to_live),), _, _ = receiver.recvmsg(100, 100)
    assert (data, struct.unpack("i", time_to_live)) == (b"answer", (1,))
