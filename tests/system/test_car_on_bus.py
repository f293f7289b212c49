"""The simulated car on the emulator's hub, with python-can's own client as the gateway."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import can
import pytest

from carport.car.cars import make_car
from carport.car.runner import Runner
from tests.car_rig import PROFILE, command, load_database, wake_request
from tests.hub import HubThread, running_hub
from tests.waiting import PATIENCE_S

CHANNELS = {"body": "can0", "powertrain": "can1"}
DATABASE = load_database()


class Gateway:
    """A node on the body bus that reads the DBC."""

    def __init__(self, bus: can.BusABC) -> None:
        self.bus = bus

    def wait_for(self, name: str, **signals: Any) -> can.Message:
        """Return the next frame of this name in which the signals are so."""
        definition = DATABASE.get_message_by_name(name)
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            message = self.bus.recv(PATIENCE_S)
            if message is not None and message.arbitration_id == definition.frame_id:
                said = definition.decode(bytes(message.data))
                assert isinstance(said, dict)
                if all(said[each] == value for each, value in signals.items()):
                    return message
        raise AssertionError(f"no {name} with {signals}")

    def wait_for_silence(self, seconds: float) -> None:
        """Return when nobody has sent for so long."""
        end_s = time.monotonic() + PATIENCE_S
        while self.bus.recv(seconds) is not None:
            assert time.monotonic() < end_s, "the bus never falls silent"


@pytest.fixture
def hub() -> Iterator[HubThread]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def runner(hub: HubThread) -> Iterator[Runner]:
    """A car on the hub's two channels."""
    runner = Runner(
        make_car(PROFILE, seed=1),
        lambda name: hub.client(CHANNELS[name]),
        lambda duration_ms: None,
    )
    runner.start()
    yield runner
    runner.stop()


@pytest.fixture
def gateway(hub: HubThread) -> Iterator[Gateway]:
    with hub.client() as bus:
        yield Gateway(bus)


def wait_until(condition: Callable[[], bool], gateway: Gateway) -> None:
    """Read frames until the condition holds."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        gateway.bus.recv(0.05)
        assert time.monotonic() < end_s, "waited in vain"


def test_all_frames_arrive_and_each_is_acknowledged(
    hub: HubThread, runner: Runner, gateway: Gateway
) -> None:
    sent = {each.name for each in DATABASE.messages if each.senders != ["Gateway"]}
    names: set[str] = set()
    while len(names) < len(sent):
        message = gateway.bus.recv(PATIENCE_S)
        assert message is not None
        assert not message.is_extended_id
        names.add(DATABASE.get_message_by_frame_id(message.arbitration_id).name)
    assert names == sent
    with hub.client("can1") as powertrain:
        message = powertrain.recv(PATIENCE_S)
    assert message is not None
    assert DATABASE.get_message_by_frame_id(message.arbitration_id).name == "DRV_Status"
    assert (hub.counters("can0").errors, hub.counters("can1").errors) == (0, 0)


def test_the_car_needs_nobody_else_to_acknowledge(hub: HubThread, runner: Runner) -> None:
    with hub.client("can1") as powertrain:
        first = powertrain.recv(PATIENCE_S)
    assert first is not None
    assert first.timestamp == pytest.approx(time.time(), abs=PATIENCE_S)
    assert hub.counters("can1").errors == 0


def test_a_lock_command_is_confirmed_after_the_motors_have_run(
    runner: Runner, gateway: Gateway
) -> None:
    gateway.wait_for("BODY_DoorStatus", LockTrunk="Unlocked")
    wrong = command(DATABASE, "GW_BodyCommand", 1, LockRequest="Lock")
    wrong.data[0] ^= 1
    gateway.bus.send(wrong)
    wait_until(lambda: ignored(runner) == 1, gateway)
    assert gateway.wait_for("BODY_DoorStatus", LockTrunk="Unlocked")
    gateway.bus.send(command(DATABASE, "GW_BodyCommand", 1, LockRequest="Lock"))
    moving = gateway.wait_for("BODY_DoorStatus", LockTrunk="Moving")
    locked = gateway.wait_for("BODY_DoorStatus", LockTrunk="Locked", LockFrontLeft="Locked")
    assert locked.timestamp - moving.timestamp > 0.2


def test_the_car_sleeps_and_a_frame_wakes_it(runner: Runner, gateway: Gateway) -> None:
    gateway.wait_for("DRV_Status")
    assert runner.handle({"do": "set", "values": {"sleep_after": 1}})["ok"]
    wait_until(lambda: not runner.handle({"do": "state"})["is_awake"], gateway)
    gateway.wait_for_silence(0.5)
    gateway.bus.send(wake_request(DATABASE))
    gateway.wait_for("BODY_DoorStatus")
    assert runner.handle({"do": "state"})["is_awake"]


def test_the_babbler_collides_with_the_gateway_until_it_is_cleared(
    hub: HubThread, runner: Runner, gateway: Gateway
) -> None:
    gateway.wait_for("DRV_Status")
    nodes = hub.counters("can0").nodes
    assert runner.handle({"do": "fault", "name": "babbler"})["ok"]
    counter = 0
    while hub.counters("can0").errors == 0:
        counter += 1
        assert counter < 1000
        gateway.bus.send(command(DATABASE, "GW_BodyCommand", counter % 16))
        gateway.bus.recv(0.01)
    assert hub.counters("can0").nodes == nodes + 1
    assert runner.handle({"do": "clear"})["ok"]
    wait_until(lambda: hub.counters("can0").nodes == nodes, gateway)
    errors = hub.counters("can0").errors
    gateway.bus.send(command(DATABASE, "GW_BodyCommand", (counter + 1) % 16, LockRequest="Lock"))
    gateway.wait_for("BODY_DoorStatus", LockTrunk="Locked")
    assert hub.counters("can0").errors == errors


def test_a_bus_that_cannot_be_joined_leaves_nothing_open(hub: HubThread, gateway: Gateway) -> None:
    channels = {"body": "can0", "powertrain": "can9"}
    runner = Runner(
        make_car(PROFILE, seed=1),
        lambda name: hub.client(channels[name]),
        lambda duration_ms: None,
    )
    with pytest.raises(can.CanError, match="can9"):
        runner.start()
    wait_until(lambda: hub.counters("can0").nodes == 1, gateway)


def test_a_car_that_loses_its_bus_says_so(hub: HubThread, runner: Runner) -> None:
    hub.stop()
    with pytest.raises((can.CanError, OSError)):
        runner.wait()


def test_the_car_is_a_program_for_any_bus_that_python_can_is_configured_for(
    hub: HubThread, gateway: Gateway
) -> None:
    configuration = {"host": "127.0.0.1", "port": hub.port}
    environment = {
        **os.environ,
        "CAN_INTERFACE": "socketcand",
        "CAN_CHANNEL": "can0",
        "CAN_CONFIG": json.dumps(configuration),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "carport.car"],
        env=environment,
        # Whoever runs the tests in the background of a shell has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        gateway.wait_for("DRV_Status")
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE_S) == 0
    finally:
        program.kill()
        program.wait()


def ignored(runner: Runner) -> int:
    return int(runner.handle({"do": "state"})["ignored_commands"]["Body"])
