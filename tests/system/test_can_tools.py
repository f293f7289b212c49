"""`carport can` where it is used: at an adapter, and beside a gateway and its car."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import can
import pytest

from carport.cli.main import run
from carport.emulator.process import EmulatorProcess
from carport.hub.frame import Frame, wire_bits
from tests.car_rig import load_database
from tests.hub import HubThread, running_hub
from tests.slcan_adapter import SlcanAdapter
from tests.system.command_line import CommandLine
from tests.waiting import PATIENCE_S, wait_until

DATABASE = load_database()
BIT_US = 2
BACK_TO_BACK = 0.9
FRAMES = [
    can.Message(
        timestamp=number * 0.001,
        arbitration_id=0x18FE0000 + number if number % 3 == 0 else 0x600 + number,
        is_extended_id=number % 3 == 0,
        data=bytes(range(number % 9)),
    )
    for number in range(200)
]


def identity(frame: can.Message) -> tuple[int, bool, bytes]:
    return frame.arbitration_id, frame.is_extended_id, bytes(frame.data)


@pytest.fixture
def hub() -> Iterator[HubThread]:
    with running_hub() as running:
        yield running


@pytest.fixture
def adapter(
    hub: HubThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SlcanAdapter]:
    """An slcan adapter at the hub; python-can need not wait for it to boot."""
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CAN_CONFIG", json.dumps({"sleep_after_open": 0}))
    with SlcanAdapter(hub.client()) as plugged:
        yield plugged


def on(adapter: SlcanAdapter) -> list[str]:
    return ["--interface", "slcan", "--channel", adapter.port, "--bitrate", "500000"]


def wait_for_commands(adapter: SlcanAdapter, commands: list[str]) -> None:
    """Return once the adapter was told exactly these."""
    wait_until(lambda: adapter.commands == commands, lambda: adapter.commands)


def test_an_slcan_adapter_is_dumped_and_only_listens(
    hub: HubThread, adapter: SlcanAdapter, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["can", "dump", "--json", "--count", str(len(FRAMES)), "--car", "reference"]
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(run([*words, *on(adapter)])))
    thread.start()
    wait_for_commands(adapter, ["C", "S6", "", "L", "L"])
    with hub.client() as bus:
        for frame in FRAMES:
            bus.send(frame)
        hub.wait_for(lambda counters: counters.frames == len(FRAMES))
    thread.join(PATIENCE_S)
    assert ended == [0]
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(int(each["id"], 16), len(each["id"]) == 8, each["data"]) for each in told] == [
        (frame.arbitration_id, frame.is_extended_id, frame.data.hex()) for frame in FRAMES
    ]
    wait_for_commands(adapter, ["C", "S6", "", "L", "L", "C"])


def test_a_log_is_replayed_through_an_slcan_adapter(
    hub: HubThread,
    adapter: SlcanAdapter,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = tmp_path / "log.log"
    with can.Logger(log) as writer:
        for frame in FRAMES:
            writer.on_message_received(frame)
    assert run(["can", "replay", str(log), *on(adapter)]) == 2
    assert not adapter.commands
    with hub.client() as bus:
        assert run(["can", "replay", str(log), "--yes", "--json", *on(adapter)]) == 0
        heard = [bus.recv(PATIENCE_S) for _ in FRAMES]
    assert [identity(each) for each in heard if each] == [identity(each) for each in FRAMES]
    told = json.loads(capsys.readouterr().out)
    assert (told["sent"], told["carried"]) == (len(FRAMES), None)


def test_a_bit_rate_that_slcan_does_not_have_is_told(
    adapter: SlcanAdapter, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--interface", "slcan", "--channel", adapter.port, "--bitrate", "123456"]
    assert run(["can", "dump", *words]) == 2
    assert "Invalid bitrate" in capsys.readouterr().err


@pytest.fixture(scope="module")
def owner(owner: CommandLine) -> CommandLine:
    """An owner who has paired, of a car that stays awake."""
    owner.run("sim", "set", "sleep_after=3600")
    return owner


class Running:
    """`carport can WORDS` while a test goes on."""

    def __init__(self, home: Path, *words: str) -> None:
        environment = {"CARPORT_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from carport.cli import main; main()", "can", *words],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._printed = self._process.stdout

    def first_line(self) -> str:
        """Return what it prints first, once it does."""
        return self._printed.readline()

    def rest(self, exit_code: int) -> str:
        """Return what it prints after that, until it ends by itself, with this code."""
        printed = self._printed.read()
        assert self._process.wait(PATIENCE_S) == exit_code
        return printed

    def end(self, number: int) -> str:
        """Send the signal, and return what it has printed; it must end well."""
        self._process.send_signal(number)
        printed, _ = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0
        return printed


def join(emulator: EmulatorProcess) -> can.BusABC:
    endpoint: dict[str, Any] = {key: emulator.can[key] for key in ("interface", "host", "port")}
    return can.Bus(**endpoint, channel="can0")


def test_the_emulators_car_is_dumped_and_obeys_a_sound_frame(owner: CommandLine) -> None:
    owner.run("unlock")
    told = owner.run("can", "dump", "--filter", "100", "--count", "1")
    assert told["name"] == "BODY_DoorStatus"
    assert told["signals"]["LockTrunk"] == {"value": "Unlocked", "unit": None}
    sent = owner.run("can", "send", "GW_BodyCommand", "LockRequest=Lock", "--repeat", "3")
    assert (sent["sent"], sent["carried"]) == (3, 3)
    wait_until(lambda: owner.locked() == {True})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_dump_that_is_ended_leaves_a_whole_log(
    number: int, owner: CommandLine, tmp_path: Path
) -> None:
    log = tmp_path / "log.blf"
    dump = Running(owner.home, "dump", "-o", str(log))
    wait_until(log.exists)
    told = owner.run("can", "dump", "--count", "20")
    said = dump.end(number)
    with can.LogReader(log) as reader:
        frames = list(reader)
    assert said.startswith(f"{len(frames)} frames")
    assert len(frames) >= 20
    assert told["data"] in {each.data.hex() for each in frames}


def test_a_lock_is_confirmed_while_an_unrelated_log_fills_the_bus(
    emulator: EmulatorProcess, owner: CommandLine, tmp_path: Path
) -> None:
    log = tmp_path / "unrelated.asc"
    with can.Logger(log) as writer:
        for number in range(3000):
            frame = can.Message(
                timestamp=number * 0.001,
                arbitration_id=0x500 + number % 0x2FF,
                is_extended_id=False,
                data=number.to_bytes(8, "big"),
            )
            writer.on_message_received(frame)
    with join(emulator) as bus:
        flood = Running(owner.home, "replay", str(log), "--speed", "0", "--loop", "--json")
        while (frame_heard := bus.recv(PATIENCE_S)) and frame_heard.arbitration_id < 0x500:
            pass
        assert owner.run("unlock")["state"] == "confirmed"
        assert owner.run("lock")["state"] == "confirmed"
        assert owner.run("climate", "on")["state"] == "confirmed"
        told = json.loads(flood.end(signal.SIGINT))
        heard = []
        while (received := bus.recv(0)) is not None:
            heard.append(received)
    assert owner.locked() == {True}
    assert told["carried"] == told["sent"] > 1000
    assert share_back_to_back(heard) > BACK_TO_BACK


def share_back_to_back(frames: list[can.Message]) -> float:
    """Return how many frames began when the one before had ended."""
    close = 0
    for before, frame in pairwise(frames):
        lasted_us = BIT_US * wire_bits(Frame(*identity(frame)))
        close += round((frame.timestamp - before.timestamp) * 1e6) <= lasted_us + 2 * BIT_US
    return close / len(frames)


def test_a_dump_ends_with_the_emulator(emulator: EmulatorProcess, owner: CommandLine) -> None:
    dump = Running(owner.home, "dump", "--json", "--filter", "100")
    assert json.loads(dump.first_line())["id"] == "100"
    emulator.stop()
    assert "lost" in json.loads(dump.rest(exit_code=5).splitlines()[-1])["error"]
    assert owner.run("can", "dump", exit_code=5)["error"]
