"""A bus that sleeps, breaks, babbles or is flooded: commands end truthfully, and none acts late.

What was really sent is heard by a python-can program of its own. That something was not sent is
known once a later command was heard.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import can
import pytest

from carport.car.cars import make_car
from carport.car.runner import Runner
from tests.car_rig import PROFILE
from tests.hub import HubThread, running_hub
from tests.system.board_on_hub import Board
from tests.system.listener import Listener
from tests.waiting import wait_until

CHANNELS = {"body": "can0", "powertrain": "can1"}
LOCK, WAKE = "LockRequest=Lock", "WakeRequest=1"
DOORS, BATTERY, AFTER_OURS = 0x100, 0x120, 0x201

PATIENT = pytest.mark.parametrize("profile", ["patient"], indirect=True)


@pytest.fixture
def hub(needs_vm: None) -> Iterator[HubThread]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def car(hub: HubThread) -> Iterator[Runner]:
    """A car that is awake, and stays so for the test."""
    runner = Runner(
        make_car(PROFILE, seed=1),
        lambda name: hub.client(CHANNELS[name]),
        lambda duration_ms: None,
    )
    runner.start()
    yield runner
    runner.stop()


@pytest.fixture
def profile(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The board's profile; a patient one lets a frame wait while much else is done."""
    if getattr(request, "param", "") != "patient":
        return PROFILE
    folder = tmp_path / PROFILE.name
    copytree(PROFILE, folder)
    file = folder / "profile.toml"
    file.write_text(file.read_text().replace("deadline_ms = 300", "deadline_ms = 8000"))
    return folder


@pytest.fixture
def board(hub: HubThread, car: Runner, profile: Path, tmp_path: Path) -> Iterator[Board]:
    with Board(hub, tmp_path, profile=profile) as board:
        assert board.carry_out("lock")["state"] == "confirmed"
        yield board


@pytest.fixture
def listener(board: Board, hub: HubThread) -> Iterator[Listener]:
    endpoint = {
        "interface": "socketcand",
        "host": "127.0.0.1",
        "port": hub.port,
        "channels": ["can0"],
    }
    with Listener(endpoint) as listening:
        yield listening


def is_locked(car: Runner) -> set[bool]:
    """Return what the car's locks really are: {True} if all are locked."""
    signals = car.handle({"do": "state"})["signals"]
    return {value for path, value in signals.items() if path.endswith(".IsLocked")}


def locked_again(board: Board) -> None:
    """Lock, once the board is back on the bus."""
    wait_until(lambda: board.body_bus()["state"] != "bus-off")
    receipt = board.carry_out("lock")
    assert receipt["state"] == "confirmed", receipt


def only_locks(board: Board, listener: Listener) -> None:
    """Lock, and assert that nobody has heard anything else, but for waking the car."""
    locked_again(board)
    listener.wait_for(LOCK, 0)
    assert set(listener.heard) - {WAKE} == {LOCK}


def fall_asleep(hub: HubThread, car: Runner) -> None:
    """Let the car sleep, and return when its bus is silent."""
    car.handle({"do": "set", "values": {"sleep_after": 1}})
    wait_until(lambda: not car.handle({"do": "state"})["is_awake"])
    with hub.client() as node:
        while node.recv(1.2) is not None:
            pass


@contextmanager
def flood(hub: HubThread, arbitration_id: int, has_gaps: bool = False) -> Iterator[None]:
    """Keep the bus full with frames of this ID, eight bytes of nothing.

    has_gaps: after every 20 of them the others get in.
    """
    burst, least_pending = (20, 1) if has_gaps else (1000, 1000)
    frame = can.Message(arbitration_id=arbitration_id, is_extended_id=False, data=bytes(8))
    ending = threading.Event()

    def feed() -> None:
        with hub.client() as node:
            while not ending.is_set():
                if hub.counters().pending < least_pending:
                    for _ in range(burst):
                        node.send(frame)
                while node.recv(0) is not None:
                    pass

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        hub.wait_for(lambda counters: counters.load_percent > (50 if has_gaps else 95))
        yield
    finally:
        ending.set()
        thread.join()


# ---- no unlock fires late ----


def test_unlocking_without_an_acknowledgement_expires_and_is_never_sent(
    hub: HubThread, board: Board, listener: Listener
) -> None:
    hub.set_connected("can0", False)
    receipt = board.carry_out("unlock")
    assert receipt["state"] == "expired"
    assert receipt["reason"] == "no node acknowledged the frame within 300 ms"
    hub.set_connected("can0", True)
    only_locks(board, listener)


def test_unlocking_a_car_that_sleeps_and_wakes_too_late_is_never_sent(
    hub: HubThread, car: Runner, board: Board, listener: Listener
) -> None:
    fall_asleep(hub, car)
    hub.set_connected("can0", False)
    receipt = board.carry_out("unlock")
    assert receipt["state"] == "refused"
    hub.set_connected("can0", True)
    only_locks(board, listener)


def test_a_sleeping_car_is_left_asleep_by_who_only_looks(
    hub: HubThread, car: Runner, board: Board
) -> None:
    fall_asleep(hub, car)
    frames = hub.counters().frames
    for _ in range(100):
        assert board.body_bus()["state"] == "active"
    assert hub.counters().frames == frames


def test_bus_off_between_queueing_and_sending_discards_the_unlock(
    hub: HubThread, board: Board, listener: Listener
) -> None:
    hub.set_connected("can0", False)
    command = board.begin("unlock")
    hub.force_bus_off("can0")
    assert board.end(command)["state"] == "expired"
    hub.set_connected("can0", True)
    only_locks(board, listener)
    assert board.body_bus()["bus_offs"] == 1


@PATIENT
def test_a_reset_between_queueing_and_sending_discards_the_unlock(
    hub: HubThread, board: Board, listener: Listener
) -> None:
    hub.set_connected("can0", False)
    command = board.begin("unlock")
    board.cut_power()
    hub.set_connected("can0", True)
    board.power_on()
    board.system()
    receipt = board.receipt(command)
    assert receipt["state"] == "indeterminate"
    only_locks(board, listener)
    assert board.receipt(command) == receipt


@PATIENT
def test_disarming_between_queueing_and_sending_discards_the_unlock(
    hub: HubThread, board: Board, listener: Listener
) -> None:
    hub.set_connected("can0", False)
    command = board.begin("unlock")
    board.disarm()
    assert board.end(command)["state"] == "indeterminate"
    hub.set_connected("can0", True)
    assert board.carry_out("unlock")["state"] == "refused"
    board.arm()
    only_locks(board, listener)


# ---- bus-off ----


def test_after_each_bus_off_new_commands_work(hub: HubThread, board: Board) -> None:
    for count in range(1, 9):  # the last ones wait for a second
        hub.force_bus_off("can0")
        receipt = board.carry_out("lock")
        assert receipt["state"] in ("confirmed", "expired")
        locked_again(board)
        bus = board.body_bus()
        assert (bus["state"], bus["bus_offs"]) == ("active", count)


def test_a_babbling_node_on_our_id_gets_no_lie_out_of_us(board: Board, car: Runner) -> None:
    car.handle({"do": "fault", "name": "babbler"})
    states: list[str] = []
    while board.body_bus()["bus_offs"] == 0:
        command = ("lock", "unlock")[len(states) % 2]
        receipt = board.carry_out(command)
        states.append(receipt["state"])
        if receipt["state"] == "confirmed":
            assert is_locked(car) == {command == "lock"}
    assert set(states) <= {"confirmed", "unconfirmed", "expired"}
    assert set(states) != {"confirmed"}
    car.handle({"do": "clear", "name": "babbler"})
    locked_again(board)
    assert is_locked(car) == {True}


# ---- bad frames ----


@pytest.mark.parametrize(
    ("fault", "counter"),
    [
        ("wrong-checksums", "bad_checksum"),
        ("frozen-counters", "repeated_counter"),
        ("silent", ""),
    ],
)
def test_an_ecu_that_cannot_be_believed_confirms_nothing(
    board: Board, car: Runner, fault: str, counter: str
) -> None:
    board.carry_out("unlock")
    before = board.system()["counters"]
    car.handle({"do": "fault", "name": fault, "place": "body"})
    assert board.carry_out("unlock")["state"] == "unconfirmed"
    if counter:
        assert board.system()["counters"][counter] >= before[counter] + 10
    car.handle({"do": "clear", "name": fault})
    locked_again(board)


def test_frames_of_wrong_length_beside_the_cars_are_counted_and_change_nothing(
    hub: HubThread, car: Runner, board: Board
) -> None:
    lengths = itertools.cycle((0, 1, 7))
    with hub.client() as node:

        def are_counted() -> bool:
            """Send one more, which may collide with the car's own."""
            data = b"\x55" * next(lengths)
            node.send(can.Message(arbitration_id=DOORS, is_extended_id=False, data=data))
            return bool(board.system()["counters"]["wrong_length"] >= 30)

        wait_until(are_counted)
        for command in ("unlock", "lock"):
            assert board.carry_out(command)["state"] == "confirmed"
            assert is_locked(car) == {command == "lock"}


# ---- a flooded bus ----


def test_a_bus_full_of_what_is_less_urgent_is_no_trouble(hub: HubThread, board: Board) -> None:
    with flood(hub, AFTER_OURS):
        for command in ("unlock", "lock"):
            assert board.carry_out(command)["state"] == "confirmed"


def test_a_bus_full_of_more_urgent_frames_that_we_listen_to_is_worked_through(
    hub: HubThread, car: Runner, board: Board
) -> None:
    car.handle({"do": "fault", "name": "silent", "place": "battery"})
    with flood(hub, BATTERY, has_gaps=True):
        wait_until(lambda: board.body_bus()["frames_per_second"] > 1000)
        for command in ("unlock", "lock"):
            assert board.carry_out(command)["state"] == "confirmed"
    assert board.system()["counters"]["bad_checksum"] > 1000


def test_a_bus_that_lets_nobody_in_expires_commands_and_the_gateway_lives(
    hub: HubThread, board: Board, listener: Listener
) -> None:
    with flood(hub, 0):
        assert board.carry_out("unlock")["state"] in ("expired", "refused")
        assert board.carry_out("unlock")["state"] in ("expired", "refused")
        wait_until(lambda: board.body_bus()["tx_pending"] == 0)
    only_locks(board, listener)


# ---- silent until armed ----


def test_a_new_board_in_a_car_does_not_even_acknowledge(
    hub: HubThread, needs_vm: None, tmp_path: Path
) -> None:
    with Board(hub, tmp_path, is_bench=False) as board, hub.client() as node:
        assert board.body_bus()["state"] == "listen-only"
        frame = can.Message(arbitration_id=DOORS, is_extended_id=False, data=bytes(8))
        node.send(frame)
        hub.wait_for(lambda counters: counters.errors > 20)
        assert board.carry_out("unlock")["state"] == "refused"
        assert hub.counters().frames == 0
        board.arm()
        hub.wait_for(lambda counters: counters.frames == 1)  # acknowledged at last
        board.disarm()
        node.send(frame)
        errors = hub.counters().errors
        hub.wait_for(lambda counters: counters.errors > errors + 20)
        assert hub.counters().frames == 1


def test_armed_it_stays_so_over_a_loss_of_power(
    hub: HubThread, car: Runner, tmp_path: Path
) -> None:
    with Board(hub, tmp_path, is_bench=False) as board:
        for arm, state in ((board.arm, "active"), (board.disarm, "listen-only")):
            arm()
            board.cut_power()
            board.power_on()
            assert board.body_bus()["state"] == state
        assert board.carry_out("lock")["state"] == "refused"
        board.arm()
        assert board.carry_out("lock")["state"] == "confirmed"
