"""The cable: who may use it, what becomes of log lines, and what is no cable."""

import asyncio
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Iterator

import pytest

from carport.client import Client
from carport.client.cable_relay import start_relay
from carport.client.known_gateways import KnownGateway
from carport.client.serial_port import open_port
from carport.errors import NoAnswerError, UsageError
from gateway.slipmux import Decoder, encode_coap, encode_log
from tests.fake_gateway import Cable, FakeGateway

PING = b"\x40\x00\x12\x34"


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The board's end of a pty, and the name of the host's."""
    board, host = pty.openpty()
    tty.setraw(host)
    yield board, os.ttyname(host)
    os.close(board)
    os.close(host)


def test_datagrams_and_log_lines_share_the_cable(terminal: tuple[int, str]) -> None:
    board, name = terminal

    async def talk() -> tuple[bytes, list[str]]:
        loop = asyncio.get_running_loop()
        lines: list[str] = []
        relay = await start_relay(await open_port(name, loop.time() + 1), lines.append)
        host, port = relay.address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.setblocking(False)
            await loop.sock_connect(ours, (host, int(port)))
            await loop.sock_sendall(ours, PING)
            sent = await asyncio.to_thread(os.read, board, 100)
            assert Decoder().feed(sent)[0][1] == PING
            os.write(board, encode_log("ready") + b"noise" + encode_coap(b"answer"))
            async with asyncio.timeout(60):
                received = await loop.sock_recv(ours, 100)
        await relay.close()
        return received, lines

    assert asyncio.run(talk()) == (b"answer", ["ready"])


def test_the_relay_serves_nobody_but_the_first(terminal: tuple[int, str]) -> None:
    board, name = terminal

    async def talk() -> list[bytes]:
        loop = asyncio.get_running_loop()
        relay = await start_relay(await open_port(name, loop.time() + 1), lambda line: None)
        host, port = relay.address.split(":")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        ):
            for sender, data in ((ours, b"first"), (stranger, b"strange"), (ours, b"last")):
                sender.sendto(data, (host, int(port)))
            decoder = Decoder()
            received: list[bytes] = []
            async with asyncio.timeout(60):
                while b"last" not in received:
                    data = await asyncio.to_thread(os.read, board, 100)
                    received += [message for _, message in decoder.feed(data)]
        await relay.close()
        return received

    assert asyncio.run(talk()) == [b"first", b"last"]


def test_what_the_cable_cannot_take_is_lost_and_no_more(terminal: tuple[int, str]) -> None:
    board, name = terminal

    async def talk() -> None:
        loop = asyncio.get_running_loop()
        cable = await open_port(name, loop.time() + 1)
        relay = await start_relay(cable, lambda line: None)
        host, port = relay.address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.setblocking(False)
            await loop.sock_connect(ours, (host, int(port)))
            cable.write_timeout = 0.01
            relay.datagram_received(bytes(100_000), ours.getsockname())
            cable.write_timeout = 60
            await loop.sock_sendall(ours, PING)
            assert await asyncio.to_thread(_is_brought, board, PING)
        await relay.close()

    asyncio.run(talk())


def test_a_port_in_use_is_waited_for(terminal: tuple[int, str]) -> None:
    _, name = terminal

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        used = await open_port(name, loop.time())
        with pytest.raises(NoAnswerError, match="another program"):
            await open_port(name, loop.time() + 0.1)
        waiting = asyncio.create_task(open_port(name, loop.time() + 5))
        used.close()
        (await waiting).close()

    asyncio.run(wait())


@pytest.mark.parametrize(
    ("port", "error"),
    [
        ("/dev/no-such-port", UsageError),
        ("nonsense://", UsageError),
        ("socket://127.0.0.1:9", NoAnswerError),
    ],
)
def test_a_port_that_cannot_be_opened(port: str, error: type[Exception], tmp_path: object) -> None:
    async def attempt() -> None:
        await open_port(port, asyncio.get_running_loop().time() + 0.1)

    with pytest.raises(error):
        asyncio.run(attempt())


def test_a_cable_that_leads_over_tcp(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    """What serial device servers offer, and pyserial calls socket://."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        carrier = threading.Thread(target=_carry, args=[server, fake_gateway.port])
        carrier.start()
        port = f"socket://127.0.0.1:{server.getsockname()[1]}"

        async def lock() -> str:
            async with Client(paired, port=port, timeout_s=60) as client:
                return (await client.lock()).state

        assert asyncio.run(lock()) == "confirmed"
        carrier.join()


def test_the_boards_log_reaches_whoever_wants_it(paired: KnownGateway, cable: Cable) -> None:
    lines: list[str] = []

    async def listen() -> None:
        heard = asyncio.Event()

        def on_log(line: str) -> None:
            lines.append(line)
            heard.set()

        async with Client(paired, via="serial", timeout_s=60, on_log=on_log) as client:
            await client.signals()
            cable.log("pairing is open for 60 s")
            async with asyncio.timeout(60):
                await heard.wait()

    asyncio.run(listen())
    assert lines == ["pairing is open for 60 s"]


def _is_brought(board: int, wanted: bytes) -> bool:
    """Read what the cable brings to the board; tell whether this message is among it."""
    decoder = Decoder()
    while select.select([board], [], [], 60)[0]:
        if wanted in [message for _, message in decoder.feed(os.read(board, 4096))]:
            return True
    return False


def _carry(server: socket.socket, gateway_port: int) -> None:
    """Carry slipmux between one TCP client and a gateway, a message and an answer at a time."""
    connection, _ = server.accept()
    decoder = Decoder()
    with connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gateway:
        gateway.connect(("127.0.0.1", gateway_port))
        while data := connection.recv(4096):
            for _, message in decoder.feed(data):
                gateway.send(message)
                connection.sendall(encode_coap(gateway.recv(4096)))
