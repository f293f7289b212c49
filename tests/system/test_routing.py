"""Two buses of a bench, the firmware in the VM between them, and python-can's nodes on both."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest

from carport.profile import compile_to_file
from tests.hub import HubThread, running_hub
from tests.system.board_on_hub import Board
from tests.vm import run_script
from tests.waiting import PATIENCE_S, wait_until

BENCH = Path(__file__).resolve().parents[1] / "profiles" / "bench"
SCRIPT = Path(__file__).with_name("route_frames.py")
BODY, POWERTRAIN = "can0", "can1"
OWN_ID = 0x1A8
QUIET_S = 0.3
LOG_FRAMES = 9000
BURST = 100
START = """
import sys
from firmware.start import NotReadyError, read_profile

class Car:
    is_bench = False

    def read_profile(self):
        with open(sys.argv[1], "rb") as file:
            return file.read()

try:
    read_profile(Car())
except NotReadyError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def hub(needs_vm: None) -> Iterator[HubThread]:
    with running_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def board(hub: HubThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with Board(hub, tmp_path_factory.mktemp("board"), profile=BENCH) as board:
        yield board


@pytest.fixture
def body(hub: HubThread, board: Board) -> Iterator[can.BusABC]:
    with hub.client(BODY) as node:
        yield node


@pytest.fixture
def powertrain(hub: HubThread, board: Board) -> Iterator[can.BusABC]:
    with hub.client(POWERTRAIN) as node:
        yield node


def frame(arbitration_id: int, data: bytes, ext: bool = False) -> can.Message:
    return can.Message(arbitration_id=arbitration_id, data=data, is_extended_id=ext)


def identity(message: can.Message) -> tuple[int, bool, bytes]:
    return message.arbitration_id, message.is_extended_id, bytes(message.data)


def heard(node: can.BusABC, least: int = 0) -> list[tuple[int, bool, bytes]]:
    """Return what a node hears: so many frames at least, then until it is quiet for a while."""
    frames: list[tuple[int, bool, bytes]] = []
    while message := node.recv(PATIENCE_S if len(frames) < least else QUIET_S):
        frames.append(identity(message))
    return frames


def crossing(
    board: Board, node: can.BusABC, other: can.BusABC, message: can.Message
) -> tuple[int, bool, bytes]:
    """Send a frame that may cross, and return what the other bus hears then.

    On a busy machine it may be dropped, for it would be late, and the count says so: again then.
    """
    before = dropped(board)
    node.send(message)

    def next_heard() -> can.Message | None:
        nonlocal before
        if (now := dropped(board)) > before:
            before = now
            node.send(message)
        return other.recv(QUIET_S)

    crossed = wait_until(next_heard)
    assert crossed is not None
    return identity(crossed)


def dropped(board: Board) -> int:
    return sum(route["dropped"] for route in board.system()["routes"])


@contextmanager
def replayed(hub: HubThread, messages: list[can.Message]) -> Iterator[None]:
    """Keep the body bus full with these, from the first one again after the last one."""
    ending = threading.Event()

    def feed() -> None:
        with hub.client(BODY) as player:
            for count, message in enumerate(itertools.cycle(messages)):
                player.send(message)
                if count % BURST == 0:
                    while player.recv(0) is not None:
                        pass
                    wait_until(lambda: ending.is_set() or hub.counters(BODY).pending <= BURST)
                if ending.is_set():
                    return

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        hub.wait_for(lambda counters: counters.load_percent > 95, BODY)
        yield
    finally:
        ending.set()
        thread.join()


def counts(board: Board, index: int) -> tuple[int, int, int]:
    route = board.system()["routes"][index]
    return route["passed"], route["dropped"], route["limited"]


def overruns(board: Board) -> int:
    """Return how many frames of the body bus the VM was too slow to receive."""
    return int(board.system()["can"][0]["overruns"])


def since(before: tuple[int, int, int], now: tuple[int, int, int]) -> tuple[int, int, int]:
    return now[0] - before[0], now[1] - before[1], now[2] - before[2]


def wait_for_quiet(hub: HubThread) -> None:
    """Return when nobody has anything left to send."""
    for channel in (BODY, POWERTRAIN):
        hub.wait_for(lambda counters: counters.pending == 0, channel)


def wait_for_frames(hub: HubThread, count: int) -> None:
    """Return when the body bus has carried so many frames."""
    hub.wait_for(lambda counters: counters.frames >= count, BODY)


def test_of_all_ids_in_both_directions_only_the_allowed_ones_cross(
    hub: HubThread, board: Board, body: can.BusABC, powertrain: can.BusABC
) -> None:
    """In an order that keeps to the rates: a mask's ids do not come one after another."""
    order = random.Random(7)
    extended = [*order.sample(range(1 << 29), 200), 0x130, 0x1A0, 0x18FF1235, 0x18DA1001]
    for node, other, length, allowed in (
        (body, powertrain, 8, {(0x130, False), (0x18FF1234, True)}),
        (powertrain, body, 4, {(0x1A0 + n, False) for n in range(16) if 0x1A0 + n != OWN_ID}),
        (powertrain, body, 2, {(0x18DA1000, True), (0x18DA10F0, True)}),
    ):
        ids = [(each, False) for each in range(0x800)]
        ids += [(each, True) for each in (*extended, 0x18FF1234, 0x18DA1000, 0x18DA10F0)]
        order.shuffle(ids)
        crossed = set()
        for arbitration_id, ext in ids:
            message = frame(arbitration_id, arbitration_id.to_bytes(8)[-length:], ext)
            if (arbitration_id, ext) in allowed:
                assert crossing(board, node, other, message) == identity(message)
                crossed.add((arbitration_id, ext))
            else:
                node.send(message)
        wait_for_quiet(hub)
        assert crossed == allowed
        assert heard(other) == []
        heard(node)


def test_a_flood_is_limited_and_does_not_starve_another_id(
    hub: HubThread, board: Board, body: can.BusABC, powertrain: can.BusABC
) -> None:
    """The flood is of an id that loses arbitration: else the bus would let nothing else pass."""
    before = counts(board, 0), counts(board, 2)
    lost = overruns(board)
    start_s, frames = time.monotonic(), hub.counters(BODY).frames
    flood, beside = 2000, 4  # which its burst allows, however late the VM hears of them
    with hub.client(BODY) as other:
        for i in range(flood):
            body.send(frame(0x18FF1234, i.to_bytes(8), True))
        for i in range(beside):
            wait_for_frames(hub, frames + 220 * (i + 1))
            other.send(frame(0x130, i.to_bytes(8)))
        wait_for_quiet(hub)

    def fates() -> tuple[tuple[int, int, int], tuple[int, int, int], int]:
        now = counts(board, 0), counts(board, 2)
        return since(before[0], now[0]), since(before[1], now[1]), overruns(board) - lost

    def is_worked_through() -> bool:
        few, many, unheard = fates()
        return sum(few) + sum(many) + unheard >= flood + beside

    wait_until(is_worked_through, fates)
    lasted_s = time.monotonic() - start_s
    (passed, dropped, limited), many, unheard = fates()
    crossed = [each for each, _, _ in heard(powertrain, passed + many[0])]
    assert limited == 0
    assert passed == crossed.count(0x130) >= beside - dropped - unheard
    passed, dropped, limited = many
    assert passed == crossed.count(0x18FF1234)
    assert 3 <= passed + dropped <= 3 + 10 * lasted_s
    assert limited >= flood - passed - dropped - unheard


def test_a_log_replayed_at_full_load_does_not_disturb_what_crosses(
    hub: HubThread, board: Board, body: can.BusABC, powertrain: can.BusABC, tmp_path: Path
) -> None:
    """Nothing of the log crosses, and the frames beside it do, in their order."""
    log = tmp_path / "unrelated.log"
    order = random.Random(3)
    ids = [each for each in range(0x200, 0x700) if each not in (0x130, 0x100)]
    with can.Logger(log) as writer:
        for _ in range(LOG_FRAMES):
            writer.on_message_received(frame(order.choice(ids), order.randbytes(8)))
    with can.LogReader(log) as reader:
        messages = list(reader)
    frames = hub.counters(BODY).frames
    with replayed(hub, messages):
        for i in range(8):
            wait_for_frames(hub, frames + 4500 + 400 * i)  # 4500 take a second
            message = frame(0x130, i.to_bytes(8))
            assert crossing(board, body, powertrain, message) == identity(message)
        hub.wait_for(lambda counters: counters.load_percent > 95, BODY)
    assert heard(powertrain) == []


def test_what_nobody_takes_in_time_is_dropped_and_never_sent_late(
    hub: HubThread, board: Board, body: can.BusABC, powertrain: can.BusABC
) -> None:
    before = counts(board, 0)
    hub.set_connected(POWERTRAIN, False)
    for i in range(4):
        body.send(frame(0x130, i.to_bytes(8)))
    wait_until(lambda: counts(board, 0)[1] >= before[1] + 4, board.log)
    hub.set_connected(POWERTRAIN, True)
    message = frame(0x130, b"in time!")
    assert crossing(board, body, powertrain, message) == identity(message)
    assert heard(powertrain) == []
    assert counts(board, 0)[0] == before[0] + 1


@pytest.mark.usefixtures("needs_vm")
def test_a_board_that_may_be_in_a_car_refuses_a_profile_with_routes(tmp_path: Path) -> None:
    profile = compile_to_file(BENCH, tmp_path)
    assert "bench alone: in a car Carport is a leaf" in run_script(START, "2m", [str(profile)])


@pytest.mark.usefixtures("needs_vm")
def test_what_crosses_and_what_does_not_takes_nothing_from_the_heap(tmp_path: Path) -> None:
    lines = run_script(SCRIPT, "4m", [str(compile_to_file(BENCH, tmp_path))]).splitlines()
    told = {line.split()[0]: " ".join(line.split()[1:5]) for line in lines}
    _, allocated, locked, _ = told.pop("control").split()
    assert int(allocated) > 0
    assert locked == "MemoryError"
    assert told == {
        "routed": "passed 0 ok ok",
        "routed_extended": "passed 0 ok ok",
        "routed_by_mask": "passed 0 ok ok",
        "limited": "limited+passed 0 ok ok",
        "limited_by_mask": "limited+passed 0 ok ok",
        "wrong_length": "wrong_length 0 ok ok",
        "no_room": "dropped 0 ok ok",
        "no_route": "- 0 ok ok",
        "no_route_by_mask": "- 0 ok ok",
        "own": "- 0 ok ok",
        "remote": "- 0 ok ok",
    }
