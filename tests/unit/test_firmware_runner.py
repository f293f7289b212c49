"""The runner in the VM, with loopback sockets and a core that does as it is told."""

import pytest

from tests.vm import run_script

RIG = """
import gc, socket, sys
from firmware.cable import PEER, Cable
from firmware.health import Health
from firmware.runner import Runner
from firmware.udp import Link, Udp
from gateway.slipmux import Decoder, encode_coap, encode_log

told = []  # what happened, in its order

class Core:
    # Notes what it is told; asks for what is in `asks`, once.
    is_urgent = False
    is_armed = False
    is_routing = False
    is_quiet = False
    wants_restart = False
    counters = {"accepted": 3}

    def __init__(self):
        self.asks = {}
        self.timeout_ms = None
        self.fails = 0
        self.pending = []

    def ask(self, what):
        return self.asks.pop(what, [])

    def receive_datagram(self, data, peer, now_ms, on_cable=False, source=b""):
        told.append(("datagram", bytes(data), on_cable))
        self.peer = peer
        if self.fails:
            self.fails -= 1
            raise ValueError("a bug")
        return True

    def handle_timer(self, now_ms):
        assert now_ms >= self.timeout_ms
        self.timeout_ms = None
        told.append("timer")

    def next_timeout(self):
        return self.timeout_ms

    def saved(self, number, now_ms):
        told.append(("saved", number))
        self.pending = [save for save in self.pending if save[0] > number]

    def saving_failed(self, is_full, now_ms):
        told.append(("saving failed", is_full))

    def frame_failed(self, frame, now_ms):
        told.append(("failed", frame.name))
        self.asks["datagrams"] = [(b"it failed", self.peer)]

    def saves(self):
        self.pending = self.pending + self.ask("saves")
        return self.pending

    def frames(self):
        return self.ask("frames")

    def cancels(self):
        return self.ask("cancels")

    def routed(self, now_ms):
        return self.asks["routed"].pop(0) if self.asks.get("routed") else None

    def datagrams(self):
        return self.ask("datagrams")

    def logs(self):
        return self.ask("logs")

class Storage:
    is_broken = False

    def save(self, name, data):
        if self.is_broken:
            raise OSError(28)
        told.append(("save", name, data))

class Frame:
    bus = 0

    def __init__(self, name):
        self.name = name

class Bus:
    takes = True
    waits_until_ms = 0
    garbage_kib = 0

    def __init__(self, core):
        self.stream = opened()
        self.core = core

    def handle(self, now_ms):
        self.stream.recv(99)
        told.append("can")

    def start(self, now_ms):
        told.append("start")

    def set_armed(self, is_armed, now_ms):
        told.append(("armed", is_armed))

    def next_timeout(self):
        return None

    def handle_timer(self, now_ms):
        pass

    def send(self, frame, now_ms):
        if self.takes:
            told.append(("frame", frame.name))
        else:
            self.core.frame_failed(frame, now_ms)

    def cancel(self, frame):
        told.append(("cancel", frame.name))

class Crashes:
    def note(self, reason, trace, uptime_ms, counters):
        told.append(("crash", reason, uptime_ms, counters))

    def end_row(self):
        told.append("the row ends")

class Clock:
    now = 1000

    def now_ms(self):
        return self.now

class Uart:
    def __init__(self, stream):
        self.stream = stream
        self.write = stream.write
        self.readinto = stream.readinto

def opened():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(20000 + len(told), 60000):
        try:
            made.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    made.setblocking(False)
    made_at[id(made)] = socket.getaddrinfo("127.0.0.1", port)[0][-1]
    return made

def address(of):
    return made_at[id(of)]

class Stop(BaseException):
    pass

def reset():
    raise Stop

made_at = {}
core, storage, clock = Core(), Storage(), Clock()
host, cable_host, server, uart_end = opened(), opened(), opened(), opened()
uart_end.connect(address(cable_host))
bus = Bus(core)
link = Link(lambda: [(b"\\x7f\\0\\0\\1", b"\\xff\\0\\0\\0")])
udp = Udp(core, server, link)
cable = Cable(core, Uart(uart_end), Decoder())
logged = []
fed = []
health = Health(Crashes(), lambda: fed.append(clock.now), reset, False)
runner = Runner(core, clock, storage, logged.append, reset, udp, cable, [bus], health)

def from_host(data):
    host.sendto(data, address(server))

def from_cable(data):
    cable_host.sendto(encode_coap(data), address(uart_end))
"""


def run(script: str) -> list[str]:
    return run_script(RIG + script, heapsize="1m").splitlines()


def test_effects_are_done_in_their_order() -> None:
    script = """
from_host(b"request")
core.asks = {
    "logs": ["line"], "cancels": [Frame("old")], "frames": [Frame("new")],
    "saves": [(1, "a", b"1"), (2, "b", None)], "routed": [Frame("one"), Frame("two")],
}
core.is_routing = True
runner.turn()
for each in told + logged:
    print(each)
core.asks = {"datagrams": [(b"to host", core.peer), (b"to cable", PEER)]}
from_host(b"")
runner.turn()
print(host.recv(99), cable_host.recv(99) == encode_log("line"))
print(cable_host.recv(99) == encode_coap(b"to cable"))
"""
    assert run(script) == [
        "('datagram', b'request', False)",
        "('cancel', 'old')",
        "('save', 'a', b'1')",
        "('save', 'b', None)",
        "('saved', 2)",
        "('frame', 'new')",
        "('frame', 'one')",
        "('frame', 'two')",
        "line",
        "b'to host' True",
        "True",
    ]


def test_the_controllers_are_armed_and_disarmed_before_anything_is_sent() -> None:
    assert run(
        """
for is_armed in (False, True, True, False):
    core.is_armed = is_armed
    core.asks = {"frames": [Frame("lock")]}
    from_host(b"?")
    runner.turn()
    print([each for each in told if each[0] != "datagram"])
    told.clear()
"""
    ) == [
        "[('frame', 'lock')]",
        "[('armed', True), ('frame', 'lock')]",
        "[('frame', 'lock')]",
        "[('armed', False), ('frame', 'lock')]",
    ]


def test_what_a_frame_that_failed_at_once_brings_about_is_done_in_the_same_turn() -> None:
    script = """
bus.takes = False
from_host(b"request")
core.asks = {"frames": [Frame("new")]}
runner.turn()
print(told[-1], host.recv(99))
"""
    assert run(script) == ["('failed', 'new') b'it failed'"]


def test_nothing_leaves_before_its_save_and_a_failed_save_is_tried_again_in_its_place() -> None:
    script = """
storage.is_broken = True
from_host(b"request")
core.asks = {"saves": [(1, "a", b"1"), (2, "b", b"2")]}
runner.turn()
print(told, logged[-1][:15], health.errors)
storage.is_broken = False
told.clear()
from_host(b"again")
core.asks = {"saves": [(3, "c", b"3")], "frames": [Frame("new")]}
runner.turn()
print(told)
"""
    assert run(script) == [
        "[('datagram', b'request', False), ('saving failed', True)] saving a failed 0",
        "[('datagram', b'again', False), ('save', 'a', b'1'), ('save', 'b', b'2'), "
        "('save', 'c', b'3'), ('saved', 3), ('frame', 'new')]",
    ]


def test_a_failed_save_is_tried_again_after_a_second_by_itself() -> None:
    script = """
storage.is_broken = True
from_host(b"request")
core.asks = {"saves": [(1, "a", b"1")]}
runner.turn()
storage.is_broken = False
told.clear()
runner._save_again_ms -= 1000
runner.turn()
print(told)
"""
    assert run(script) == ["[('save', 'a', b'1'), ('saved', 1)]"]


def test_nothing_is_saved_while_a_frame_could_outlast_its_deadline() -> None:
    script = """
bus.waits_until_ms = 1300
core.asks = {"saves": [(1, "a", b"1")], "cancels": [Frame("old")]}
from_host(b"request")
runner.turn()
print(told)
told.clear()
Clock.now = 1300
from_host(b"request")
runner.turn()
print(told)
"""
    assert run(script) == [
        "[('datagram', b'request', False), ('cancel', 'old')]",
        "[('datagram', b'request', False), ('save', 'a', b'1'), ('saved', 1)]",
    ]


def test_a_datagram_that_cannot_be_sent_is_lost_and_no_error() -> None:
    script = """
def refuse(data, peer):
    raise OSError(22)
udp._send = refuse
from_host(b"request")
core.asks = {"datagrams": [(b"to nobody", b"port 0")]}
runner.turn()
print(health.errors)
"""
    assert run(script) == [
        "0",
    ]


def test_the_timer_is_served_when_its_time_has_come() -> None:
    script = """
core.timeout_ms = clock.now + 5
runner.turn()
print(told)
clock.now += 5
from_host(b"x")
runner.turn()
print(told)
"""
    assert run(script) == ["[]", "['timer', ('datagram', b'x', False)]"]


def test_each_source_that_is_ready_gets_one_go_a_turn() -> None:
    script = """
for i in range(3):
    from_host(b"host")
    host.sendto(b"frame", address(bus.stream))
for i in range(3):
    told.clear()
    from_cable(b"cable")
    runner.turn()
    print("can" in told, ("datagram", b"host", False) in told,
        ("datagram", b"cable", True) in told, len(told))
"""
    assert run(script) == ["True True True 3"] * 3


def test_an_error_is_logged_with_its_trace_and_the_next_request_is_served() -> None:
    script = """
def log(line):
    logged.append(line)
    if line == "served":
        raise Stop
runner._log_line = log
core.fails = 1
from_host(b"first")
from_host(b"second")
serve = core.receive_datagram
def receive(data, peer, now_ms, on_cable=False, source=b""):
    serve(data, peer, now_ms, on_cable)
    core.asks["logs"] = ["served"]
    return True
core.receive_datagram = receive
runner.add(Udp(core, server, link))
try:
    runner.run()
except Stop:
    pass
print(told, health.errors)
print(logged[0], "|", logged[-2])
print(cable_host.recv(99) == encode_log(logged[0]))
"""
    assert run(script) == [
        "['start', ('datagram', b'first', False), ('datagram', b'second', False)] 1",
        "Traceback (most recent call last): | ValueError: a bug",
        "True",
    ]


@pytest.mark.parametrize(("pause_ms", "errors"), [(0, 16), (3_000, 16), (10_000, 40)])
def test_many_errors_within_a_minute_reset_the_board(pause_ms: int, errors: int) -> None:
    script = """
old = core.receive_datagram
def receive(data, peer, now_ms, on_cable=False, source=b""):
    clock.now += PAUSE
    from_host(b"next")
    if len(told) > 40:
        raise Stop
    old(data, peer, now_ms, on_cable)
core.receive_datagram = receive
runner.add(Udp(core, server, link))
core.fails = 1000
from_host(b"first")
try:
    runner.run()
except Stop:
    print(health.errors)
"""
    assert run(script.replace("PAUSE", str(pause_ms))) == [str(errors)]


def test_the_watchdog_is_fed_each_second_while_all_goes_well() -> None:
    script = """
for i in range(7):
    from_host(b"request")
    runner.turn()
    clock.now += 400
print(fed)
"""
    assert run(script) == ["[1000, 2200, 3400]"]


@pytest.mark.parametrize(
    "trouble",
    [
        "core.fails = 1000",
        "core.handle_timer = fail; core.timeout_ms = 0",
        "bus.handle_timer = fail; core.timeout_ms = 0",
        "core.frames = lambda: 1 // 0",
        "storage.save = fail; core.asks['saves'] = [(1, 'a', b'1')]",
    ],
)
def test_the_watchdog_is_not_fed_while_turns_fail(trouble: str) -> None:
    script = """
def fail(*args):
    raise MemoryError
TROUBLE
for i in range(10):
    from_host(b"request")
    try:
        runner.turn()
    except (MemoryError, ZeroDivisionError):
        pass
    clock.now += 5000
    core.timeout_ms = 0 if "timeout" in "TROUBLE" else None
print(fed)
"""
    assert run(script.replace("TROUBLE", trouble)) == ["[]"]


@pytest.mark.parametrize(
    ("excuses", "trouble", "is_fed"),
    [
        (True, "core.fails = 1000", True),
        (False, "core.fails = 1000", False),
        (True, "bus.handle = fail", False),
        (True, "core.handle_timer = fail; core.timeout_ms = 0", False),
    ],
)
def test_what_a_trial_excuses_resets_nothing(excuses: bool, trouble: str, is_fed: bool) -> None:
    """Of what somebody sent alone: what fails with the car's frames or the time is never that."""
    script = """
class Trial:
    def excuses(self, come_ms):
        assert come_ms == clock.now
        return EXCUSES
    def is_over(self, now_ms, well_since_ms):
        return False
def fail(*args):
    bus.stream.recv(99)
    raise MemoryError
bus.stream.setblocking(False)
TROUBLE
runner.add(bus, 0, False)
health.trial = Trial()
try:
    for i in range(40):
        from_host(b"request")
        host.sendto(b"frame", address(bus.stream))
        try:
            runner.turn()
        except (MemoryError, OSError) as error:
            runner._note_error(error)
        clock.now += 500
        core.timeout_ms = 0 if "timeout" in "TROUBLE" else None
except Stop:
    pass
print(len(fed), health.errors)
"""
    said = run(script.replace("EXCUSES", str(excuses)).replace("TROUBLE", trouble))
    assert said == (["20 40"] if is_fed else ["0 16"])


def test_a_source_that_fails_keeps_no_other_from_its_go() -> None:
    script = """
def fail(now_ms):
    bus.stream.recv(99)
    raise ValueError("a bug")
bus.handle = fail
runner.add(bus, 0, False)
host.sendto(b"frame", address(bus.stream))
from_host(b"host")
from_cable(b"cable")
runner.turn()
print(told, health.errors, fed)
"""
    assert run(script) == [
        "[('datagram', b'host', False), ('datagram', b'cable', True)] 1 []",
    ]


def test_it_waits_no_longer_than_the_watchdog_allows() -> None:
    assert int(run("print(runner._wait_ms(clock.now))")[0]) < 5000


def test_too_many_errors_are_kept_as_a_crash() -> None:
    script = """
core.fails = 1000
for i in range(16):
    from_host(b"request")
    try:
        runner.turn()
    except Stop:
        print(told[-1])
"""
    assert run(script) == [
        "('crash', 'too many errors: ValueError: a bug', 1000, {'accepted': 3})",
    ]


def test_a_minute_without_a_crash_is_noted_once() -> None:
    script = """
for i in range(5):
    from_host(b"request")
    runner.turn()
    clock.now += 30000
print(told.count("the row ends"))
"""
    assert run(script) == ["1"]


def test_safe_mode_is_left_after_an_hour() -> None:
    script = """
runner._health = Health(Crashes(), lambda: None, reset, True)
for i in range(3):
    from_host(b"request")
    try:
        runner.turn()
        print("runs")
    except Stop:
        print("restarts")
    clock.now += 1799500
"""
    assert run(script) == ["runs", "runs", "restarts"]


def test_after_a_wipe_the_board_starts_again_when_the_answer_has_left() -> None:
    script = """
from_host(b"request")
core.asks = {"saves": [(1, "keys", b"1"), (2, "*", None)], "datagrams": [(b"wiped", PEER)]}
runner.turn()
print(told[-3:], cable_host.recv(99) == encode_coap(b"wiped"))
clock.now += 499
from_host(b"again")
runner.turn()
clock.now += 1
try:
    runner.turn()
except Stop:
    print("restarts")
"""
    assert run(script) == [
        "[('save', 'keys', b'1'), ('save', '*', None), ('saved', 2)] True",
        "restarts",
    ]


def test_the_board_starts_again_when_the_core_wants_it_and_all_is_saved() -> None:
    script = """
core.wants_restart = True
core.timeout_ms = clock.now
from_host(b"x")
try:
    runner.turn()
except Stop:
    print("restarts", told)
"""
    assert run(script) == ["restarts ['timer']"]


LITTER = """
core.asks = None  # nothing is asked for, however often
core.ask = lambda what: []
core.timeout_ms = clock.now + 5
runner.turn()  # which makes what is made once

def is_collected(turns):
    for i in range(200):
        bytearray(4000)
    high = gc.mem_alloc()
    for i in range(turns):
        runner.turn()
    return gc.mem_alloc() < high
"""


def test_garbage_is_collected_while_nothing_happens_and_not_during_a_command() -> None:
    script = """
for i in range(3):
    from_host(b"request")
    runner.turn()
core.is_urgent = True
print(is_collected(8))
core.is_urgent = False
print(is_collected(1), is_collected(8))
"""
    assert run(LITTER + script) == ["False", "True False"]


def test_garbage_is_collected_after_more_of_it_while_something_is_ready() -> None:
    script = """
for i in range(8):
    from_host(b"request")
print(is_collected(5), is_collected(1))
"""
    assert run(LITTER + script) == ["False True"]


def test_answers_and_the_timer_make_garbage_and_frames_make_none() -> None:
    script = """
for i in range(8):
    host.sendto(b"frame", address(bus.stream))
print(is_collected(9))
core.asks = {"datagrams": [(bytes(480), host_address)]}
core.ask = lambda what: core.asks.pop(what, [])
from_host(b"request")
runner.turn()
print(is_collected(1))
core.ask = lambda what: []
for i in range(24):
    core.timeout_ms = clock.now
    turned = is_collected(1)
    if i >= 22:
        print(turned)
"""
    printed = run(LITTER + "host_address = address(host)\n" + script)
    assert printed == ["False", "True", "False", "True"]


def test_a_turn_that_wakes_for_nothing_allocates_nothing() -> None:
    script = """
class Quiet:
    def __init__(self):
        self.stream = server
        self.handle = self.take
        self.buffer = bytearray(99)
    def take(self, now_ms):
        server.readinto(self.buffer)
quiet = Quiet()
runner.add(quiet, 0)
core.saves = core.frames = core.cancels = core.datagrams = core.logs = lambda: ()
core.timeout_ms = clock.now + 50
for i in range(50):
    from_host(b"x")
gc.collect()
gc.disable()
for i in range(2):
    before = gc.mem_alloc()
    for i in range(20):
        runner.turn()
    after = gc.mem_alloc()
print(after - before)
"""
    assert run(script) == ["0"]
