"""The firmware's CAN port in the real VM, on a live hub, opposite python-can's own client.

Scripts print what they saw. They never wait for time to pass, only for the hub: `wait(condition)`.
"""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import can
import pytest

from tests.hub import HubThread, running_hub
from tests.vm import VM, run_script
from tests.waiting import PATIENCE_S

PRELUDE = """
import gc, select, sys, time
from firmware.ports.unix.can import CAN

def controller(mode=CAN.MODE_NORMAL, filters=None, **options):
    can = CAN(1, 500_000, mode, port=int(sys.argv[1]), **options)
    can.set_filters(filters)
    return can

def wait(can, condition):
    poll = select.poll()
    poll.register(can.stream, select.POLLIN)
    start_ms = time.ticks_ms()
    while not condition():
        assert time.ticks_diff(time.ticks_ms(), start_ms) < 240_000, "waited in vain"
        if poll.poll(100):
            can.pump()

def receive(can, frame=None):
    frame = frame or [0, memoryview(bytearray(8)), 0, 0]
    wait(can, lambda: can.get_counters()[6])
    return can.recv(frame)

def record(can, trigger):
    events = []
    def handler(can):
        flags = can.irq().flags()
        while flags:
            events.append(flags)
            flags = can.irq().flags()
    can.irq(handler, trigger)
    return events

def name(flags):
    index = flags >> CAN.IRQ_TX_IDX_SHIFT & CAN.IRQ_TX_IDX_MASK
    return ("failed" if flags & CAN.IRQ_TX_FAILED else "sent", index)
"""


@pytest.fixture
def hub(vm: VM) -> Iterator[HubThread]:
    """A hub, where there is a VM to join it."""
    with running_hub() as hub:
        yield hub


@contextmanager
def in_vm(hub: HubThread, script: str) -> Iterator[Future[str]]:
    """Run the script while the block goes on; its output is ready at the end of the block."""
    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(run_script, PRELUDE + script, args=[str(hub.port)])


def send(bus: can.BusABC, arbitration_id: int, data: bytes = b"", ext: bool = False) -> None:
    bus.send(can.Message(arbitration_id=arbitration_id, data=data, is_extended_id=ext))


def receive(bus: can.BusABC) -> can.Message:
    message = bus.recv(PATIENCE_S)
    assert message is not None
    return message


def test_2000_frames_arrive_and_receiving_allocates_nothing(hub: HubThread) -> None:
    script = """
can = controller(rx_fifo_len=512)
can.send(0x7FF, b"ready")
frame = [0, memoryview(bytearray(8)), 0, 0]
poll = select.poll()
poll.register(can.stream, select.POLLIN)
expected = 0
taken_us = 0
gc.collect()
gc.disable()
for _ in poll.ipoll(240_000):
    pass
before = gc.mem_alloc()
while expected < 2000:
    for _ in poll.ipoll(240_000):
        pass
    start_us = time.ticks_us()
    while can.recv(frame) is not None:
        data = frame[1]
        assert frame[0] == 0x123 and frame[2] == 0 and len(data) == 8
        assert data[6] << 8 | data[7] == expected
        expected += 1
    taken_us += time.ticks_diff(time.ticks_us(), start_us)
allocated = gc.mem_alloc() - before
print(expected, frame[3], can.get_counters()[7])
print(allocated)
print(taken_us / expected)
"""
    with hub.client() as peer, in_vm(hub, script) as output:
        assert receive(peer).arbitration_id == 0x7FF
        for i in range(2000):
            send(peer, 0x123, i.to_bytes(8))
    lines = output.result().splitlines()
    assert lines[0] == "2000 0 0"
    assert int(lines[1]) < 2000 * 4  # a view for each read that ends within a message, no frame
    print(f"{lines[2]} us of VM time for each frame")


def test_frames_of_all_kinds_both_ways(hub: HubThread) -> None:
    script = """
can = controller()
assert (can.state(), can.recv()) == (CAN.STATE_ACTIVE, None)
can.send(0x7FE, b"ready")
for _ in range(4):
    id, data, flags, errors = receive(can)
    print(hex(id), bytes(data).hex(), flags, errors)
    assert can.send(id, data, flags) is not None
answer = can.recv()
wait(can, lambda: can.get_counters()[5] == 0)
"""
    frames = [
        (0x7FF, b"", False),
        (0x7FF, b"", True),
        (0x1FFF_FFFF, bytes(range(8)), True),
        (0, b"\xff\xa0", False),
    ]
    with hub.client() as peer, in_vm(hub, script) as output:
        assert receive(peer).arbitration_id == 0x7FE
        for arbitration_id, data, ext in frames:
            send(peer, arbitration_id, data, ext)
            echo = receive(peer)
            assert (echo.arbitration_id, bytes(echo.data)) == (arbitration_id, data)
            assert echo.is_extended_id == ext
    assert output.result().splitlines() == [
        "0x7ff  0 0",
        "0x7ff  2 0",
        "0x1fffffff 0001020304050607 2 0",
        "0x0 ffa0 0 0",
    ]


def test_three_buffers_go_out_by_priority_and_each_is_reported(hub: HubThread) -> None:
    script = """
can = controller()
events = record(can, CAN.IRQ_TX)
indexes = [can.send(id, bytes([id & 0xFF])) for id in (0x300, 0x101, 0x200)]
print(indexes, can.send(1, b""), can.get_counters()[5])
wait(can, lambda: len(events) == 3)  # until there is somebody to acknowledge
print(sorted(name(flags) for flags in events), can.get_counters()[5])
print(can.send(0x102, b"", CAN.FLAG_UNORDERED), can.send(0x102, b"1"))
wait(can, lambda: len(events) == 5)
"""
    with in_vm(hub, script) as output:
        hub.wait_for(lambda counters: counters.pending == 3)
        with hub.client() as peer:
            heard = [
                (each.arbitration_id, bytes(each.data))
                for each in (receive(peer) for _ in range(5))
            ]
    assert output.result().splitlines() == [
        "[0, 1, 2] None 3",
        "[('sent', 0), ('sent', 1), ('sent', 2)] 0",
        "0 1",
    ]
    assert heard == [
        (0x101, b"\x01"),
        (0x200, b"\x00"),
        (0x300, b"\x00"),
        (0x102, b""),
        (0x102, b"1"),
    ]


def test_alone_on_the_bus_a_frame_can_only_be_cancelled(hub: HubThread) -> None:
    script = """
can = controller()
events = record(can, CAN.IRQ_TX | CAN.IRQ_STATE)
index = can.send(0x123, b"")
wait(can, lambda: can.state() == CAN.STATE_PASSIVE)
print(can.get_counters())
print(can.cancel_send(index), can.cancel_send(2))
wait(can, lambda: can.get_counters()[5] == 0)
print([name(flags) for flags in events if flags & CAN.IRQ_TX], can.cancel_send(index))
print(len([flags for flags in events if flags & CAN.IRQ_STATE]) in (1, 2))
"""
    with in_vm(hub, script) as output:
        pass
    assert output.result().splitlines() == [
        "[128, 0, 1, 1, 0, 1, 0, 0]",
        "True False",
        "[('failed', 0)] False",
        "True",
    ]
    assert hub.counters().frames == 0


def test_bus_off_fails_what_is_pending_until_a_restart(hub: HubThread) -> None:
    script = """
can = controller()
events = record(can, CAN.IRQ_TX | CAN.IRQ_STATE)
can.send(0x456, b"")
wait(can, lambda: can.state() == CAN.STATE_BUS_OFF)
print([name(flags) for flags in events if flags & CAN.IRQ_TX], can.get_counters()[2:6])
try:
    can.send(0x123, b"")
except OSError:
    print("OSError")
can.restart()
wait(can, lambda: can.state() == CAN.STATE_ACTIVE)
print(can.get_counters())
print(can.send(0x123, b""))
wait(can, lambda: can.get_counters()[5] == 0)
"""
    with in_vm(hub, script) as output:
        hub.wait_for(lambda counters: counters.errors > 0)
        hub.force_bus_off("can0")
        with hub.client() as peer:
            assert receive(peer).arbitration_id == 0x123
    assert output.result().splitlines() == [
        "[('failed', 0)] [1, 1, 1, 0]",
        "OSError",
        "[0, 0, 0, 0, 0, 0, 0, 0]",
        "0",
    ]


def test_a_silent_controller_hears_and_does_not_acknowledge(hub: HubThread) -> None:
    script = """
can = controller(CAN.MODE_SILENT)
print(hex(receive(can)[0]))
can.deinit()
print(can.state())
can.init(500_000)
assert can.recv() is None
can.set_filters(None)
print(hex(receive(can)[0]))
"""
    with hub.client() as peer, in_vm(hub, script) as output:
        send(peer, 0x123)
        hub.wait_for(lambda counters: counters.nodes == 2)
        errors = hub.counters().errors
        hub.wait_for(lambda counters: counters.errors > errors + 20)
        assert hub.counters().frames == 0
        with hub.client():  # acknowledges, so that the silent one hears it
            while not output.done():
                send(peer, 0x456)
                peer.recv(0.01)
    assert output.result().splitlines() == ["0x123", "0", "0x456"]


def test_a_full_fifo_overruns_and_says_so(hub: HubThread) -> None:
    script = """
can = controller(rx_fifo_len=4)
can.send(0x7FF, b"")
wait(can, lambda: can.get_counters()[7] == 6)
print(can.get_counters()[6])
for _ in range(4):
    frame = can.recv()
    print(frame[0], frame[3])
print(can.recv())
can.send(0x7FF, b"")
print(receive(can)[0])
"""
    with hub.client() as peer, in_vm(hub, script) as output:
        receive(peer)
        for i in range(10):
            send(peer, i)
        receive(peer)
        send(peer, 99)
    assert output.result().splitlines() == ["4", "0 3", "1 0", "2 0", "3 0", "None", "99"]


def test_filters_choose_what_is_received(hub: HubThread) -> None:
    script = """
can = controller(filters=[(0x300, 0x700, 0), (0x50700, 0x1FFFFFFF, CAN.FLAG_EXT_ID)])
can.send(0x7FF, b"")
got = [receive(can) for _ in range(4)]
print([(hex(frame[0]), frame[2]) for frame in got])
can.set_filters([])
can.send(0x7FF, b"")
wait(can, lambda: can.get_counters()[5] == 0)
print(can.recv())
can.set_filters(None)
can.send(0x7FF, b"")
print(receive(can)[0])
"""
    with hub.client() as peer, in_vm(hub, script) as output:
        receive(peer)
        for arbitration_id in (0x2FF, 0x300, 0x3FF, 0x400, 0x50700):
            send(peer, arbitration_id, ext=arbitration_id > 0x7FF)
            send(peer, arbitration_id, ext=arbitration_id < 0x700)
        send(peer, 0x301)
        receive(peer)
        receive(peer)
        send(peer, 5)
    assert output.result().splitlines() == [
        "[('0x300', 0), ('0x3ff', 0), ('0x50700', 2), ('0x301', 0)]",
        "None",
        "5",
    ]


def test_asyncio_waits_for_the_stream(hub: HubThread) -> None:
    script = """
import asyncio

async def main():
    can = controller()
    received = asyncio.ThreadSafeFlag()
    can.irq(lambda can: can.irq().flags() and received.set(), CAN.IRQ_RX)
    async def pump():
        while True:
            yield asyncio.core._io_queue.queue_read(can.stream)
            can.pump()
    asyncio.create_task(pump())
    can.send(0x7FF, b"")
    for _ in range(3):
        await received.wait()
        while (frame := can.recv()) is not None:
            print(frame[0])
            can.send(frame[0], frame[1])

asyncio.run(main())
"""
    with hub.client() as peer, in_vm(hub, script) as output:
        receive(peer)
        for i in range(3):
            send(peer, i)
            assert receive(peer).arbitration_id == i
    assert output.result().splitlines() == ["0", "1", "2"]


def test_what_machine_can_refuses_is_refused(hub: HubThread) -> None:
    script = """
def attempt(function, *args, **options):
    try:
        return function(*args, **options)
    except Exception as error:
        print(type(error).__name__, str(error).split("] ")[-1])

can = controller()
for id, flags in ((0x800, 0), (-1, 0), (1 << 29, CAN.FLAG_EXT_ID)):
    attempt(can.send, id, b"", flags)
    attempt(can.set_filters, [(id, 0, flags)])
    attempt(can.set_filters, [(0, id, flags)])
attempt(can.send, 1, bytes(9))
attempt(can.send, 1, b"", CAN.FLAG_RTR)
attempt(can.set_filters, [(1, 1, CAN.FLAG_RTR)])
attempt(can.set_filters, [(1, 1, 0)] * (CAN.FILTERS_MAX + 1))
attempt(can.cancel_send, 3)
attempt(can.irq, None, 64)
attempt(can.init, 500_000, CAN.MODE_LOOPBACK)
can.deinit()
can.deinit()
for method in (can.recv, can.restart, can.get_counters, can.irq):
    attempt(method)
attempt(can.send, 1, b"")
attempt(can.set_filters, None)
can.init(500_000)
can.set_filters(((1, 1, 0),) * CAN.FILTERS_MAX)
can.set_filters([(1 << 28, 1 << 28, CAN.FLAG_EXT_ID)] * CAN.FILTERS_MAX)
attempt(can.init, 250_000)
attempt(CAN, 7, 500_000, port=int(sys.argv[1]))
attempt(CAN, 1, 500_000, port=1)
"""
    with in_vm(hub, script) as output:
        pass
    assert output.result().splitlines() == [
        *["ValueError invalid id"] * 9,
        "OverflowError data too long",
        "ValueError flags",
        "ValueError flags",
        "ValueError too many filters",
        "IndexError ",
        "ValueError trigger",
        "ValueError mode",
        *["OSError EINVAL"] * 6,
        "OSError EIO: the bus runs at 500000 bit/s",
        "OSError EIO: no channel can6",
        "OSError ECONNREFUSED",
    ]


def test_what_became_of_a_frame_before_a_restart_is_nobodys_news(vm: VM) -> None:
    script = """
can = controller()
events = record(can, CAN.IRQ_TX)
can.send(0x123, b"")
can.restart()
print(can.send(0x124, b""))
wait(can, lambda: events)
print([name(flags) for flags in events])
"""
    conversation = [
        (b"< open can0 >", b"< ok >"),
        (b"< controller 32 normal 500000 >", b"< ok >"),
        (b"< filters 000 000 00000000 00000000 >", b"< ok >"),
        (b"< transmit 0 123 0  >", b""),
        (b"< restart >", b""),
        (b"< transmit 0 124 0  >", b"< transmitted 0 1.000000 >< ok >< failed 0 >"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as executor:
        port = str(server.getsockname()[1])
        output = executor.submit(run_script, PRELUDE + script, args=[port])
        server.settimeout(PATIENCE_S)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            connection.sendall(b"< hi >")
            for heard, answer in conversation:
                assert connection.recv(len(heard)) == heard
                connection.sendall(answer)
            assert output.result() == "0\n[('failed', 0)]\n"


def test_the_end_of_either_side(hub: HubThread) -> None:
    with in_vm(hub, "controller()") as output:
        pass
    assert output.result() == ""
    hub.wait_for(lambda counters: counters.nodes == 0)
    script = """
can = controller()
can.send(0x123, b"")
try:
    wait(can, lambda: False)
except OSError as error:
    print(str(error).split("] ")[-1])
"""
    with running_hub() as short_lived, in_vm(short_lived, script) as output:
        short_lived.wait_for(lambda counters: counters.errors > 0)
        short_lived.stop()
    assert output.result() == "ECONNRESET\n"
