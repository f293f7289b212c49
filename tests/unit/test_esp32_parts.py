"""Parts of the ESP32 port, in the VM on the shims: button, cable, interrupts that share an SPI."""

import subprocess

import pytest

from tests.vm import REPOSITORY, find_micropython, run_script

SHIMS = REPOSITORY / "tests" / "shims"

BUTTON = """
import machine
from firmware.ports.esp32 import button
from tests.shims import chip

class Time:
    now = 1000

    def ticks_ms(self):
        return self.now

    def ticks_diff(self, later, sooner):
        return later - sooner

class Core:
    def press_button(self, duration_ms, now_ms):
        print(duration_ms)

def at(ms, level):
    time.now = ms
    look()
    wire.set(level)
    for _ in range(3):  # where a soft interrupt comes
        pass

def look():
    if source.ioctl(3, 1):
        source.handle(time.now)

time = button.time = Time()
wire = chip.wire(0)
wire.level = START
source = button.Button(machine.Pin(0, machine.Pin.IN, machine.Pin.PULL_UP), Core())
"""


def pressed(edges: str, start: int = 1) -> list[int]:
    """Return the presses that edges make, as "time:level ..."."""
    script = BUTTON.replace("START", str(start))
    for edge in edges.split():
        ms, _, level = edge.partition(":")
        script += f"at({ms}, {level})\n"
    script += "time.now = 99999\nlook()\nlook()\n"
    return [int(line) for line in run_script(script, path=[SHIMS]).splitlines()]


@pytest.mark.parametrize(
    ("edges", "presses"),
    [
        ("2000:0 2300:1", [300]),
        ("2000:0 5100:1", [3100]),
        ("2000:0 2001:1 2003:0 2006:1 2008:0 2300:1", [300]),  # bounces when it closes
        ("2000:0 2300:1 2301:0 2304:1 2306:0 2309:1", [309]),  # and when it opens
        ("2000:0 3000:1 3010:0 5100:1", [3100]),  # a spark in a long press
        ("2000:0 2300:1 3000:0 3200:1", [300, 200]),
        ("2000:0 2001:1", [1]),  # which the core takes for none
        ("2000:1 2300:1", []),
        ("2000:0", []),
    ],
)
def test_a_press_is_told_once_however_the_contact_bounces(edges: str, presses: list[int]) -> None:
    assert pressed(edges) == presses


def test_a_button_that_is_held_since_the_start_counts_from_then() -> None:
    assert pressed("4500:1", start=0) == [3500]


def test_a_press_is_told_when_the_contact_rests_and_not_before() -> None:
    script = BUTTON.replace("START", "1") + (
        "at(2000, 0); at(2300, 1)\n"
        "for time.now in (2300, 2319, 2320):\n"
        "    print(time.now, source.ioctl(3, 1))\n"
    )
    assert run_script(script, path=[SHIMS]).splitlines() == ["2300 0", "2319 0", "2320 1"]


def test_the_repl_port_takes_what_has_come_and_waits_for_nothing() -> None:
    script = """
from firmware.ports.esp32.repl_port import ReplPort
import sys
port = ReplPort()
buffer = bytearray(4)
lengths = []
while True:
    length = port.readinto(buffer)
    lengths.append((length, bytes(buffer[:length])))
    if not length:
        break
port.write(b"\\r\\n\\x03" + repr(lengths).encode() + bytes(range(200)))
"""
    micropython = find_micropython()
    assert micropython is not None
    sent = b"\xc0\xa9\x03\x04\r\n\xc0"
    done = subprocess.run(
        [micropython, "-c", script],
        input=sent,
        capture_output=True,
        timeout=20,
        env={"MICROPYPATH": f"{SHIMS}:{REPOSITORY}:.frozen"},
        check=True,
    )
    told = repr([(4, sent[:4]), (3, sent[4:]), (0, b"")]).encode()
    assert done.stdout == b"\r\n\x03" + told + bytes(range(200))


def test_the_repl_port_gives_up_where_nobody_reads() -> None:
    script = """
import sys, time
from firmware.ports.esp32 import repl_port as module

class Stuck:  # a USB port of MicroPython's that is open
    sizes = []
    def write(self, data):
        self.sizes.append(len(data))
        clock.now += 500

class Stdout:
    buffer = Stuck()

class Sys:
    stdin, stdout = sys.stdin, Stdout

class Clock:
    now = 0
    def ticks_ms(self):
        return self.now
    def ticks_diff(self, later, sooner):
        return later - sooner

module.sys, module.time = Sys, Clock()
clock = module.time
module.ReplPort().write(bytes(1000))
print(Stuck.sizes)
"""
    assert run_script(script, path=[SHIMS]).splitlines() == ["[64]"]


TWO_CHIPS = """
import machine
from firmware.ports.esp32 import controllers as module
from tests.models.mcp2515 import Chip
from tests.shims import chip

if IS_PLANTED:
    module.SharedInterrupt = lambda pin, chips: pin
wirings = []
models = []
for cs, interrupt in ((5, 4), (21, 22)):
    wiring = {"spi": 2, "sck": 18, "mosi": 23, "miso": 19, "crystal_hz": 8000000}
    wirings.append(dict(wiring, cs=cs, interrupt=interrupt))
    models.append(Chip())
    chip.connect_mcp2515(models[-1], cs, interrupt)
controllers = module.Controllers(wirings)
cans = [controllers.open(bus, 500000)[0] for bus in (0, 1)]
for can in cans:
    can.set_filters(None)
message = [0, None, 0, 0]
given, received = [0, 0], [0, 0]
calls = 0

def exchange(byte):  # in the middle of a transfer to the one, a frame comes to the other
    global calls
    calls += 1
    if chip.selected and calls % 20 == 0 and sum(given) < 40:
        index = 1 - models.index(chip.selected[0])
        given[index] += 1
        models[index].receive((calls, False, False, b"ab"))
    return old(byte)

old = chip.exchange
chip.exchange = exchange
for _ in range(100):
    for index, can in enumerate(cans):
        can.get_counters()
        while can.recv(message) is not None:
            received[index] += 1
print(chip.clashes, received == given, min(received) > 10, [model.misuses for model in models])
"""


def test_two_chips_on_one_spi_wait_for_each_other() -> None:
    script = TWO_CHIPS.replace("IS_PLANTED", "False")
    assert run_script(script, heapsize="1m", path=[SHIMS]) == "0 True True [[], []]\n"


def test_without_that_they_would_disturb_each_other() -> None:
    script = TWO_CHIPS.replace("IS_PLANTED", "True")
    clashes, *_ = run_script(script, heapsize="1m", path=[SHIMS]).split()
    assert int(clashes) > 0


def test_past_a_partitions_end_it_says_what_a_chip_says() -> None:
    script = """
import esp32
from tests.shims import chip
chip.add_partition("carport_a", 1)
part = esp32.Partition("carport_a")
for call in (
    lambda: part.readblocks(0, bytearray(2), 4095),
    lambda: part.readblocks(2, bytearray(1), 0),
    lambda: part.writeblocks(0, b"a part of a block cannot be erased"),
    lambda: part.ioctl(6, 1),
):
    try:
        call()
    except OSError as error:
        print(error.errno)
print(part.ioctl(99, 0))
"""
    said = run_script(script, path=[SHIMS]).splitlines()
    assert said == ["-260", "-258", "-260", "-260", "None"]
