"""A board without a gateway: its owner hears why over the cable, and nobody else is believed."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carport.cli.main import run
from carport.client.known_gateways import KnownGateway
from carport.client.session import Session, claim
from carport.errors import BoardFaultError
from firmware.no_gateway import NoGateway
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, SERVICE_UNAVAILABLE
from tests.fake_gateway import Cable

DAMAGED = "the storage is damaged: to erase it, keys too, hold the button for 10 s after power-on"


@contextmanager
def board_without_gateway(reason: str) -> Iterator[int]:
    """Run one on a UDP port, which is given."""
    gateway = NoGateway(reason)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (received := bound.recvfrom(2048))[0]:
                gateway.receive_datagram(*received, 0, True)
                for data, peer in gateway.datagrams():
                    assert isinstance(peer, tuple)
                    bound.sendto(data, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", bound.getsockname())
            thread.join()


@pytest.mark.parametrize("command", ["status", "lock", "signals"])
@pytest.mark.parametrize("words", [["--json"], []])
def test_every_command_over_the_cable_tells_the_reason(
    paired: KnownGateway, command: str, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with board_without_gateway(DAMAGED) as udp_port, Cable(udp_port) as cable:
        assert run([command, "--port", cable.port, *words]) == 1

    said = capfd.readouterr()
    text = json.loads(said.out)["error"] if words else said.err
    assert f"the board has no gateway to offer: {DAMAGED}" in text


def test_a_reason_writes_no_more_than_text_into_the_terminal(
    paired: KnownGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    with board_without_gateway("it is \x1b[2Jbroken\n") as udp_port, Cable(udp_port) as cable:
        assert run(["status", "--port", cable.port]) == 1

    assert (
        capfd.readouterr().err == "carport: the board has no gateway to offer: it is [2Jbroken\n"
    )


def test_a_block_that_meets_such_a_board_tells_the_reason(paired: KnownGateway) -> None:
    async def send(udp_port: int) -> None:
        deadline = asyncio.get_running_loop().time() + 3
        session = await Session.open(await claim(paired.contexts, deadline))
        session.address = f"127.0.0.1:{udp_port}"
        session.is_on_cable = True
        try:
            await session.send_block("update", b"block", (0, False, 5), 3)
        finally:
            await session.close()

    with board_without_gateway(DAMAGED) as udp_port, pytest.raises(BoardFaultError, match=DAMAGED):
        asyncio.run(send(udp_port))


def test_on_the_network_anybody_could_say_so(
    paired: KnownGateway, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with board_without_gateway("send your keys to eve") as udp_port:
        path = paired.folder / "gateway.json"
        fields = json.loads(path.read_text())
        path.write_text(json.dumps({**fields, "addresses": [f"127.0.0.1:{udp_port}"]}))
        assert run(["status", "--via", "lan", "--timeout", "1"]) == 5

    assert "eve" not in capfd.readouterr().err


def test_the_answer_is_what_the_client_looks_for() -> None:
    gateway = NoGateway("why")
    gateway.receive_datagram(message.encode(Message(0, 1, 7, b"t")), "host", 0)
    ((data, _),) = gateway.datagrams()
    answer = message.decode(data)
    assert (answer.type, answer.code, answer.payload) == (ACK, SERVICE_UNAVAILABLE, b"why")
