"""The MCP2515 driver in the real VM: what it allocates, and how a runner waits for it."""

import pytest

from tests.vm import VM, run_script

# The model allocates, the driver must not: what the SPI's work took is subtracted.
RECEIVE = """
import gc, sys
from tests.mcp2515_rig import Rig

class Metered:  # counts what the model allocates on behalf of the hardware
    def __init__(self, spi, cs):
        self._spi, self._cs = spi, cs
    def write(self, data):
        self._spi.write(data)
    def write_readinto(self, data, into):
        global modelled
        before = gc.mem_alloc()
        self._spi.write_readinto(data, into)
        modelled += gc.mem_alloc() - before
    def __call__(self, level):
        global modelled
        before = gc.mem_alloc()
        self._cs(level)
        modelled += gc.mem_alloc() - before

rig = Rig(sys.argv[1] == "interrupt")
rig.spi = rig.cs = Metered(rig.spi, rig.cs)
modelled = 0
wanted = range(0x123, 0x800, 0x111)
filters = {
    "all": None,
    "exact": [(0x123, 0x7FF, 0), (0x1ABCDEF1, 0x1FFFFFFF, 2)],
    "software": [(each, 0x7FF, 0) for each in wanted] + [(0x1ABCDEF1, 0x1FFFFFFF, 2)],
}[sys.argv[2]]
can = rig.controller(filters)
accepts = can.hardware_filters.accepts
foreign = 0x124
while sys.argv[2] == "software" and (not accepts(foreign, 0) or foreign in wanted):
    foreign += 1
sent = [(0x123, False, False, b"12345678"), (0x1ABCDEF1, True, False, b"1"),
        (foreign, False, False, b"123"), (0x123, False, True, b"")]
frame = [0, memoryview(bytearray(8)), 0, 0]
recv, receive = can.recv, rig.chip.receive
interrupt = rig.chip.on_interrupt
rig.chip.on_interrupt = None  # the edge comes when the frame has been delivered

def run(count):
    global received, modelled
    used = 0
    for i in range(count):
        receive(sent[i & 3])
        if i & 15 == 0:
            gc.collect()
        before = gc.mem_alloc()
        modelled = 0
        if interrupt is not None:
            interrupt()
        while recv(frame) is not None:
            received += 1
        used += gc.mem_alloc() - before - modelled
    return used

received = 0
run(8)
received = 0
gc.disable()  # but for the above
print(run(500), received)
"""


@pytest.mark.parametrize("kind", ["interrupt", "polling"])
@pytest.mark.parametrize(
    ("filters", "received"), [("all", 500), ("exact", 375), ("software", 375)]
)
def test_receiving_allocates_nothing(vm: VM, kind: str, filters: str, received: int) -> None:
    assert run_script(RECEIVE, heapsize="512k", args=[kind, filters]) == f"0 {received}\n"


def test_a_runner_waits_for_the_stream(vm: VM) -> None:
    script = """
import select
from tests.mcp2515_rig import Rig

for has_interrupt in (True, False):
    rig = Rig(has_interrupt)
    can = rig.controller()
    can.irq(lambda can: can.irq().flags(), can.IRQ_TX | can.IRQ_STATE)
    poll = select.poll()
    poll.register(can.stream, select.POLLIN)
    seen = [len(poll.poll(0))]
    rig.bus.deliver((0x123, False, False, b""))
    seen.append(len(poll.poll(0)))
    while can.recv() is not None:
        pass
    seen.append(len(poll.poll(0)))
    can.send(0x456, b"")
    rig.bus.run()
    seen.append(len(poll.poll(0)))
    can.recv()
    seen.append(len(poll.poll(0)))
    print(seen)
"""
    assert run_script(script).splitlines() == ["[0, 1, 0, 1, 0]"] * 2


def test_an_interrupt_that_is_scheduled_between_bytecodes_disturbs_no_transfer(vm: VM) -> None:
    """The handler runs by micropython.schedule, as Pin.irq's does, wherever the driver is."""
    script = """
import micropython
from tests.mcp2515_rig import Rig

rig = Rig()
can = rig.controller()
handler = rig.chip.on_interrupt
rig.chip.on_interrupt = lambda: micropython.schedule(lambda _: handler(), None)
delivered = 0
def before_byte(position):
    global delivered
    if position % 5 == 2 and rig.chip.interrupt:
        delivered += 1
        rig.bus.deliver((0x123, False, False, bytes([delivered & 0xFF])))
rig.spi.before_byte = before_byte
got = []
def take():
    frame = can.recv()
    while frame is not None:
        got.append(frame[1][0])
        frame = can.recv()

for i in range(100):
    can.send(0x300, bytes([i]))
    take()
    rig.bus.run()
rig.spi.before_byte = None
take()
print(delivered >= 100, got == [i & 0xFF for i in range(1, delivered + 1)])
print([data[0] for _, _, _, data in rig.bus.sent] == list(range(100)))
print(rig.chip.misuses)
"""
    assert run_script(script, heapsize="4m").splitlines() == ["True True", "True", "[]"]
