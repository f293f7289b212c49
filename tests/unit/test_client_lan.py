"""Gateways on the network: pings, and discovery by multicast on the loopback interface."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from carport.client import lan
from gateway.coap import message as coap
from gateway.coap.message import Message
from gateway.coap.numbers import CONTENT, EMPTY, NON, RST, URI_PATH, URI_QUERY
from tests.fake_gateway import FakeGateway
from tests.leaping import leap

LOOPBACK = "lo"
LONG_S = 60.0


@pytest.fixture(autouse=True)
def _one_answer_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a discovery be over as soon as one answer was judged."""
    judge = lan._is_gateway

    def judge_and_leap(data: bytes, token: bytes) -> bool:
        leap(asyncio.get_running_loop(), LONG_S)
        return judge(data, token)

    monkeypatch.setattr(lan, "_is_gateway", judge_and_leap)


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the multicast group, by the loopback interface, at a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as joined:
        joined.bind(("", 0))
        try:
            index = socket.if_nametoindex(LOOPBACK)
            group = socket.inet_aton(lan.ALL_COAP_NODES)
            request = struct.pack("@4s4si", group, bytes(4), index)
            joined.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        except OSError:
            pytest.skip("this machine has no multicast on its loopback interface")
        joined.settimeout(LONG_S)
        monkeypatch.setattr(lan, "PORT", joined.getsockname()[1])
        yield joined


def _answer(member: socket.socket, payloads: list[bytes], seen: list[Message]) -> None:
    """Take one request, and answer it with each of the payloads."""
    data, sender = member.recvfrom(1500)
    request = coap.decode(data)
    seen.append(request)
    for payload in payloads:
        answer = Message(NON, CONTENT, request.message_id, request.token, [], payload)
        member.sendto(coap.encode(answer), sender)


def _discover(member: socket.socket, payloads: list[bytes]) -> tuple[list[str], Message]:
    seen: list[Message] = []
    answering = threading.Thread(target=_answer, args=[member, payloads, seen])
    answering.start()
    found = asyncio.run(lan.discover(LONG_S, [LOOPBACK]))
    answering.join()
    return found, seen[0]


def test_discovery_asks_all_coap_nodes_for_gateways(member: socket.socket) -> None:
    found, request = _discover(member, [b"</system>;osc"])

    assert [address.rpartition(":")[2] for address in found] == [str(member.getsockname()[1])]
    assert (request.type, request.options) == (
        NON,
        [(URI_PATH, b".well-known"), (URI_PATH, b"core"), (URI_QUERY, b"rt=carport.gateway")],
    )


def test_what_is_no_gateway_is_not_listed(member: socket.socket) -> None:
    found, _ = _discover(member, [b'</light>;rt="lamp"'])

    assert found == []


def test_a_ping_finds_who_answers_first(fake_gateway: FakeGateway) -> None:
    addresses = ["127.0.0.1:9", fake_gateway.address]

    assert asyncio.run(lan.first_to_answer(addresses, LONG_S)) == fake_gateway.address


def test_a_board_that_is_slow_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers its first ping when the next was asked already, and strangers answer before."""
    monkeypatch.setattr(lan, "_PING_REPEAT_S", 0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        slow.bind(("127.0.0.1", 0))
        slow.settimeout(LONG_S)

        def answer() -> None:
            first, _ = slow.recvfrom(1500)
            second, sender = slow.recvfrom(1500)
            ids = [coap.decode(ping).message_id for ping in (first, second)]
            nobodys = next(each for each in range(3) if each not in ids)
            slow.sendto(b"noise", sender)
            slow.sendto(coap.encode(Message(RST, EMPTY, nobodys)), sender)
            slow.sendto(coap.encode(Message(RST, EMPTY, ids[0])), sender)

        answering = threading.Thread(target=answer)
        answering.start()
        address = f"127.0.0.1:{slow.getsockname()[1]}"

        assert asyncio.run(lan.first_to_answer([address], LONG_S)) == address
        answering.join()


def test_nobody_answers_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"

        assert asyncio.run(lan.first_to_answer([address], 0.1)) is None
        assert asyncio.run(lan.first_to_answer([], 0.1)) is None


def test_addresses_have_the_standard_port_unless_they_say_so() -> None:
    assert lan.parse_address("192.0.2.7") == ("192.0.2.7", 5683)
    assert lan.parse_address("192.0.2.7:40001") == ("192.0.2.7", 40001)
