"""The hub on its port, as python-can's own socketcand client sees it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import can
import pytest

from carport.hub import Hub
from tests.hub import HubThread, running_hub

WAIT_S = 60.0
SEND = b"< send 001 8 0 0 0 0 0 0 0 0 >"


@pytest.fixture
def hub() -> Iterator[HubThread]:
    with running_hub() as hub:
        yield hub


def message(arbitration_id: int, data: bytes = b"", is_extended_id: bool = False) -> can.Message:
    return can.Message(arbitration_id=arbitration_id, data=data, is_extended_id=is_extended_id)


def receive(bus: can.BusABC, count: int) -> list[can.Message]:
    """Return the next frames, fewer if the bus stays quiet for WAIT_S."""
    messages: list[can.Message] = []
    while len(messages) < count and (each := bus.recv(WAIT_S)) is not None:
        messages.append(each)
    return messages


def test_two_clients_exchange_2000_frames_each_way_and_lose_none(hub: HubThread) -> None:
    def exchange(bus: can.BusABC, arbitration_id: int, got: list[can.Message]) -> None:
        sender = threading.Thread(target=send, args=(bus, arbitration_id))
        sender.start()
        got.extend(receive(bus, 2000))
        sender.join()

    def send(bus: can.BusABC, arbitration_id: int) -> None:
        for i in range(2000):
            bus.send(message(arbitration_id + i % 3, i.to_bytes(8)))

    got_one: list[can.Message] = []
    got_other: list[can.Message] = []
    with hub.client() as one, hub.client() as other:
        threads = [
            threading.Thread(target=exchange, args=(one, 0x100, got_one)),
            threading.Thread(target=exchange, args=(other, 0x200, got_other)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for got, arbitration_id in ((got_one, 0x200), (got_other, 0x100)):
        assert [int.from_bytes(each.data) for each in got] == list(range(2000))
        assert {each.arbitration_id for each in got} == {arbitration_id + i for i in range(3)}
        times = [each.timestamp for each in got]
        assert all(b - a > 220e-6 for a, b in pairwise(times))
        assert abs(times[-1] - time.time()) < 60
    counters = hub.counters()
    assert (counters.frames, counters.errors) == (4000, 0)


def test_extended_and_empty_frames(hub: HubThread) -> None:
    sent = [
        message(0x123),
        message(0x123, is_extended_id=True),
        message(0x1FFF_FFFF, b"\x00\xff", is_extended_id=True),
        message(0, bytes(range(8))),
    ]
    with hub.client() as one, hub.client() as other:
        for each in sent:
            one.send(each)
        got = receive(other, len(sent))
        assert one.recv(0) is None
    assert all(a.equals(b, None, False, False) for a, b in zip(sent, got, strict=True))


def test_channels_do_not_hear_each_other(hub: HubThread) -> None:
    with hub.client("can0") as one, hub.client("can1") as other, hub.client("can1") as third:
        one.send(message(1))
        other.send(message(2))
        assert receive(third, 1)[0].arbitration_id == 2
        assert other.recv(0) is None
        assert (hub.counters("can0").nodes, hub.counters("can1").nodes) == (1, 2)


def test_frames_that_wait_go_by_priority(hub: HubThread) -> None:
    with hub.client() as busy, hub.client() as other, hub.client() as listener:
        with hub.held_up():
            for i in range(50):
                busy.send(message(0x700, bytes([i] * 8)))
            other.send(message(0x001))
        got = [each.arbitration_id for each in receive(listener, 51)]
    assert sorted(got) == [0x001] + [0x700] * 50
    assert got.index(0x001) < 50


def test_one_client_alone_is_not_acknowledged(hub: HubThread) -> None:
    with hub.client() as one:
        one.send(message(1))
        hub.wait_for(lambda counters: counters.errors > 20)
        assert one.recv(0) is None
        assert hub.counters().frames == 0
        assert hub.counters().load_percent > 0
        with hub.client() as other:
            assert [each.arbitration_id for each in receive(other, 1)] == [1]


def test_a_client_may_come_while_the_bus_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames last for 15 s, and wait long enough for a client on a slow machine."""
    monkeypatch.setattr("carport.hub.session.HOLD_US", 1_000_000)
    count = 30_000
    with (
        running_hub(bitrate=250_000) as hub,
        hub.client(),
        socket.create_connection(("127.0.0.1", hub.port), WAIT_S) as sender,
    ):
        sender.sendall(b"< open can0 >" + SEND * count)
        hub.wait_for(lambda counters: counters.pending > 0)
        for _ in range(20):
            hub.client().shutdown()  # raises if a frame came together with an `< ok >`
        with hub.client() as late:
            assert len(receive(late, 1)) == 1
        assert hub.counters().frames < count


def test_a_hub_that_was_held_up_does_not_flood_a_fifo() -> None:
    """The stall is worth more than 400 frames, the FIFO holds 128. All are in one thread, so that
    a slow machine is so for all of them."""
    count = 2000

    async def run() -> None:
        hub = Hub()
        port = await hub.start()
        chip_says, chip = await asyncio.open_connection("127.0.0.1", port)
        chip.write(b"< open can0 >< controller 128 normal 500000 >< filters 000 000 >")
        _, peer = await asyncio.open_connection("127.0.0.1", port)
        peer.write(b"< open can0 >" + SEND * count)
        while hub.counters("can0").pending < 400:
            await asyncio.sleep(0)
        time.sleep(0.1)
        text = b""
        received = 0
        while received < count:
            text += await chip_says.read(65536)
            assert b"overrun" not in text
            new = text.count(b"< received ") - received
            received += new
            chip.write(b"< read %d >" % new)
        chip.close()
        peer.close()
        await hub.stop()

    asyncio.run(run())


@pytest.mark.parametrize("garbage", [b"\xff\x00<<<>>>< send", b"x" * 5000, b"< send 1 1 1 1 >"])
def test_garbage_harms_nobody_else(hub: HubThread, garbage: bytes) -> None:
    with hub.client() as one, hub.client() as other:
        with socket.create_connection(("127.0.0.1", hub.port), WAIT_S) as intruder:
            intruder.sendall(b"< open can0 >" + garbage)
            one.send(message(1))
            assert len(receive(other, 1)) == 1
        hub.wait_for(lambda counters: counters.nodes == 2)


def test_stop_ends_connections_and_leaves_no_task() -> None:
    with running_hub() as hub:
        client = socket.create_connection(("127.0.0.1", hub.port), WAIT_S)
        client.sendall(b"< open can0 >< send 123 0 >")
        assert client.recv(100).startswith(b"< hi >")
    with client, contextlib.suppress(ConnectionResetError):
        assert client.recv(100) in (b"", b"< ok >")
        assert client.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", hub.port), WAIT_S)


def test_a_hub_can_start_again_and_its_port_be_chosen() -> None:
    async def run() -> None:
        hub = Hub(channels=["bench"])
        port = await hub.start()
        await hub.stop()
        assert await hub.start(port) == port
        assert hub.counters("bench").nodes == 0
        other = Hub()
        with pytest.raises(OSError, match="address already in use"):
            await other.start(port)
        await hub.stop()
        await hub.stop()
        await other.stop()

    asyncio.run(run())
