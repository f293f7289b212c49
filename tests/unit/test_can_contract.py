"""What every controller behind machine.CAN's API does: the same scripts, in the real VM, on each.

The hub's port talks to a live hub; the MCP2515's driver to the model of its chip, with the INT pin
and without. `node()` makes a controller, all of them are on one bus; `wait(condition)` lets the
bus go on. Source: MicroPython's documentation of machine.CAN.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from firmware.drivers.mcp2515 import MCP2515
from firmware.ports.unix.can import CAN
from tests.hub import running_hub
from tests.vm import VM, run_script

HUB = """
import select, sys, time
from firmware.ports.unix.can import CAN

def node(filters=None, mode=CAN.MODE_NORMAL, rx_fifo_len=32):
    can = CAN(1, 500_000, mode, port=int(sys.argv[1]), rx_fifo_len=rx_fifo_len)
    can.set_filters(filters)
    nodes.append(can)
    return can

def wait(condition):
    start_ms = time.ticks_ms()
    while not condition():
        assert time.ticks_diff(time.ticks_ms(), start_ms) < 10_000, "waited in vain"
        poll = select.poll()
        for can in nodes:
            poll.register(can.stream, select.POLLIN)
        poll.poll(20)
        for can in nodes:
            can.pump()

def break_the_bus():
    pass  # the test does, when it sees errors
"""

MCP2515_MODEL = """
import sys
from tests.mcp2515_rig import MCP2515 as CAN, Rig
from tests.models.mcp2515_wiring import Bus

bus = Bus()
bus.has_peer = False
error = "acknowledge"

def node(filters=None, mode=CAN.MODE_NORMAL, rx_fifo_len=32):
    rig = Rig(sys.argv[1] == "interrupt", bus)
    can = rig.controller(filters, mode, rx_fifo_len)
    can.chip = rig.chip
    nodes.append(can)
    return can

def wait(condition):
    for _ in range(1000):
        for can in nodes:
            can.pump()
        if condition():
            return
        if error == "bit":
            for can in nodes:
                if can.chip.start_transmission():
                    can.chip.end_transmission(error)
        else:
            bus.step()
    assert False, "waited in vain"

def break_the_bus():
    global error
    error = "bit"
"""

COMMON = """
nodes = []

def receive(can, frame=None):
    got = []
    def has_come():
        received = can.recv(frame)
        if received is not None:
            got.append(received)
        return got
    wait(has_come)
    return got[0]

def is_idle(can):
    return lambda: can.get_counters()[5] == 0

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

def attempt(function, *args):
    try:
        print(function(*args))
    except Exception as error:
        print(type(error).__name__, error)
"""


class World:
    """One kind of controller, and the bus it is on."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def run(self, script: str, breaks_the_bus: bool = False) -> list[str]:
        """Return the lines that the script printed."""
        if self._kind != "hub":
            source = COMMON + MCP2515_MODEL + script
            return run_script(source, heapsize="1m", args=[self._kind]).splitlines()
        with running_hub() as hub, ThreadPoolExecutor(1) as executor:
            output = executor.submit(run_script, COMMON + HUB + script, args=[str(hub.port)])
            if breaks_the_bus:
                hub.wait_for(lambda counters: counters.errors > 0)
                hub.force_bus_off("can0")
            return output.result().splitlines()


@pytest.fixture(params=["hub", "interrupt", "polling"])
def world(request: pytest.FixtureRequest, vm: VM) -> World:
    """Each kind of controller, where there is a VM for it."""
    return World(request.param)


@pytest.mark.parametrize("controller", [CAN, MCP2515])
def test_constants(controller: type) -> None:
    values = {
        "MODE": {"NORMAL": 0, "SLEEP": 1, "LOOPBACK": 2, "SILENT": 3, "SILENT_LOOPBACK": 4},
        "STATE": {"STOPPED": 0, "ACTIVE": 1, "WARNING": 2, "PASSIVE": 3, "BUS_OFF": 4},
        "FLAG": {"RTR": 1, "EXT_ID": 2, "UNORDERED": 16},
        "RECV_ERR": {"FULL": 1, "OVERRUN": 2},
        "IRQ": {"TX": 1, "RX": 2, "TX_FAILED": 4, "STATE": 8},
        "IRQ_TX_IDX": {"SHIFT": 16, "MASK": 255},
    }
    for prefix, names in values.items():
        for name, value in names.items():
            assert getattr(controller, f"{prefix}_{name}") == value


def test_frames_both_ways(world: World) -> None:
    script = """
a, b = node(), node()
print(a.state(), a.recv())
mine = [0, memoryview(bytearray(8)), 0, 0]
for id, data, flags in (
    (0x7FF, b"", 0), (0x7FF, b"", 2), (0x1FFFFFFF, bytes(range(8)), 2), (0, bytearray(b"\\xff"), 0)
):
    assert a.send(id, data, flags) is not None
    frame = receive(b, mine)
    assert frame is mine
    print(hex(frame[0]), bytes(frame[1]).hex(), frame[2], frame[3])
    assert b.send(id, frame[1], flags) is not None
    frame = receive(a)
    assert (frame[0], bytes(frame[1]), frame[2]) == (id, data, flags)
"""
    assert world.run(script) == [
        "1 None",
        "0x7ff  0 0",
        "0x7ff  2 0",
        "0x1fffffff 0001020304050607 2 0",
        "0x0 ff 0 0",
    ]


def test_a_list_is_used_again_and_without_one_each_frame_is_ones_own(world: World) -> None:
    script = """
a, b = node(), node()
for data in (b"1", b"22", b"333"):
    a.send(1, data)
mine = [0, memoryview(bytearray(8)), 0, 0]
one, two = receive(b), receive(b)
assert receive(b, mine) is mine
print(bytes(one[1]), bytes(two[1]), bytes(mine[1]), len(mine))
"""
    assert world.run(script) == ["b'1' b'22' b'333' 4"]


def test_the_most_urgent_goes_first_and_a_full_queue_is_none(world: World) -> None:
    script = """
a, silent = node(), node(mode=CAN.MODE_SILENT)
events = record(a, CAN.IRQ_TX)
indexes = [a.send(id, b"") for id in (0x300, 0x101, 0x200)]
print(sorted(indexes) == list(range(CAN.TX_QUEUE_LEN)), a.send(1, b""), a.get_counters()[5])
b = node()  # which acknowledges
print([hex(receive(silent)[0]) for _ in range(3)])
wait(is_idle(a))
print(sorted(name(flags) for flags in events) == [("sent", i) for i in sorted(indexes)])
print(a.send(1, b"") is not None)
"""
    assert world.run(script) == [
        "True None 3",
        "['0x101', '0x200', '0x300']",
        "True",
        "True",
    ]


def test_equal_ids_keep_their_order(world: World) -> None:
    script = """
a, b = node(), node()
queued, taken = 0, []
def step():
    global queued
    while queued < 40 and a.send(0x123, bytes([queued])) is not None:
        queued += 1
    while True:
        frame = b.recv()
        if frame is None:
            return len(taken) == 40
        taken.append(frame[1][0])
wait(step)
print(taken == list(range(40)))
"""
    assert world.run(script) == ["True"]


def test_filters_choose_what_is_received(world: World) -> None:
    script = """
a, b = node(), node([(0x300, 0x700, 0), (0x50700, 0x1FFFFFFF, CAN.FLAG_EXT_ID)])
def send_all():
    for id in (0x2FF, 0x300, 0x3FF, 0x400, 0x50700):
        for flags in (0, 2):
            if id < 0x800 or flags:
                a.send(id, b"", flags)
                wait(is_idle(a))
    a.send(0x310, b"")
    wait(is_idle(a))
send_all()
print([(hex(frame[0]), frame[2]) for frame in (receive(b) for _ in range(4))], b.recv())
b.set_filters([])
send_all()
print(b.recv())
b.set_filters(((0x300, 0x7FF, 0),))
send_all()
print(hex(receive(b)[0]), b.recv())
"""
    assert world.run(script) == [
        "[('0x300', 0), ('0x3ff', 0), ('0x50700', 2), ('0x310', 0)] None",
        "None",
        "0x300 None",
    ]


def test_nothing_is_received_before_set_filters(world: World) -> None:
    script = """
a, b = node(), node()
b.deinit()
b.init(500_000)
a.send(1, b"")
wait(is_idle(a))
print(b.recv())
b.set_filters(None)
a.send(2, b"")
print(receive(b)[0])
"""
    assert world.run(script) == ["None", "2"]


def test_alone_a_frame_can_only_be_cancelled(world: World) -> None:
    script = """
a = node()
events = record(a, CAN.IRQ_TX | CAN.IRQ_STATE)
index = a.send(0x123, b"")
wait(lambda: a.state() == CAN.STATE_PASSIVE)
print(a.get_counters())
print(a.cancel_send(index), a.cancel_send((index + 1) % CAN.TX_QUEUE_LEN))
wait(is_idle(a))
print([name(flags) == ("failed", index) for flags in events if flags & CAN.IRQ_TX])
print(a.cancel_send(index), any(flags & CAN.IRQ_STATE for flags in events))
"""
    assert world.run(script) == [
        "[128, 0, 1, 1, 0, 1, 0, 0]",
        "True False",
        "[True]",
        "False True",
    ]


def test_bus_off_fails_what_is_pending_until_a_restart(world: World) -> None:
    script = """
a = node()
events = record(a, CAN.IRQ_TX | CAN.IRQ_STATE)
index = a.send(0x456, b"")
break_the_bus()
wait(lambda: a.state() == CAN.STATE_BUS_OFF)
print([name(flags) == ("failed", index) for flags in events if flags & CAN.IRQ_TX])
print(a.get_counters()[2:6])
attempt(a.send, 0x123, b"")
error = None
b = node()
a.restart()
wait(lambda: a.state() == CAN.STATE_ACTIVE)
print(a.get_counters())
a.send(0x123, b"")
print(hex(receive(b)[0]), b.recv())
"""
    assert world.run(script, breaks_the_bus=True) == [
        "[True]",
        "[1, 1, 1, 0]",
        "OSError [Errno 5] EIO",
        "[0, 0, 0, 0, 0, 0, 0, 0]",
        "0x123 None",
    ]


def test_restart_forgets_what_is_pending_without_a_report(world: World) -> None:
    script = """
a = node()
events = record(a, CAN.IRQ_TX)
a.send(0x123, b"")
a.restart()
b = node()
a.send(0x456, b"")
print(hex(receive(b)[0]), b.recv())
wait(is_idle(a))
print(len(events))
"""
    assert world.run(script) == ["0x456 None", "1"]


def test_silent_hears_and_does_not_acknowledge(world: World) -> None:
    script = """
a, silent = node(), node(mode=CAN.MODE_SILENT)
events = record(a, CAN.IRQ_STATE)
a.send(0x123, b"")
wait(lambda: events)  # nobody acknowledges
b = node()
print(hex(receive(silent)[0]), silent.recv())
"""
    assert world.run(script) == ["0x123 None"]


def test_an_overrun_is_told_and_counted_and_the_oldest_are_kept(world: World) -> None:
    script = """
a, b = node(), node(rx_fifo_len=4)
for i in range(12):
    wait(lambda: a.send(0x123, bytes([i])) is not None)
wait(is_idle(a))
numbers, errors = [], 0
frame = b.recv()
while frame is not None:
    numbers.append(frame[1][0])
    errors |= frame[3]
    frame = b.recv()
print(numbers == list(range(len(numbers))), 4 <= len(numbers) < 12)
a.send(0x123, b"x")
frame = receive(b)
errors |= frame[3]
print(bytes(frame[1]), errors == CAN.RECV_ERR_FULL | CAN.RECV_ERR_OVERRUN)
print(b.get_counters()[6], b.get_counters()[7] > 0)
"""
    assert world.run(script) == ["True True", "b'x' True", "0 True"]


def test_irq_without_arguments_changes_nothing(world: World) -> None:
    script = """
a, b = node(), node()
heard = []
first = b.irq(lambda can: heard.append(can.irq().flags()), CAN.IRQ_RX)
assert b.irq() is first
a.send(1, b"")
print(receive(b)[0], heard)
"""
    assert world.run(script) == [f"1 [{CAN.IRQ_RX}]"]


def test_what_machine_can_refuses_is_refused(world: World) -> None:
    script = """
a = node()
for id, flags in ((0x800, 0), (-1, 0), (1 << 29, CAN.FLAG_EXT_ID)):
    attempt(a.send, id, b"", flags)
    attempt(a.set_filters, [(id, 0, flags)])
    attempt(a.set_filters, [(0, id, flags)])
attempt(a.send, 1, bytes(9))
attempt(a.set_filters, [(1, 1, 0)] * (CAN.FILTERS_MAX + 1))
attempt(a.cancel_send, CAN.TX_QUEUE_LEN)
attempt(a.irq, None, 64)
attempt(a.init, 500_000, 5)
a.deinit()
a.deinit()
print(a.state())
for method in (a.recv, a.restart, a.get_counters, a.irq):
    attempt(method)
attempt(a.send, 1, b"")
attempt(a.cancel_send, 0)
attempt(a.set_filters, None)
"""
    assert world.run(script) == [
        *["ValueError invalid id"] * 9,
        "OverflowError data too long",
        "ValueError too many filters",
        "IndexError ",
        "ValueError trigger",
        "ValueError mode",
        "0",
        *["OSError [Errno 22] EINVAL"] * 7,
    ]
