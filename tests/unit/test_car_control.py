"""The control channel of an emulator, and `carport sim` on it."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carport.car.requests import answer
from carport.cli.main import run
from carport.emulator.control import (
    ControlError,
    ControlServer,
    RequestError,
    ask,
    find_control,
)
from tests.car_rig import Rig


class Emulated:
    """A control server in a thread, with a car whose time stands still, and a registry entry."""

    def __init__(self, state: Path, registry: Path) -> None:
        self.rig = Rig()
        self.rig.run(1)
        self.state = state
        state.mkdir(parents=True)
        self._registry = registry / f"{state.name}.json"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = ControlServer(state, self._handle)
        self.control: Path = self._await(self._server.start())
        entry = {"pid": os.getpid(), "state": str(state), "control": str(self.control)}
        self._registry.write_text(json.dumps(entry))

    def close(self) -> None:
        self._registry.unlink()
        self._await(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        return answer(self.rig.car, request, self.rig.presses_ms.append, self.rig.now_s)

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's empty runtime folder."""
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def emulated(tmp_path: Path, registry: Path) -> Iterator[Emulated]:
    """The only running emulator."""
    running = Emulated(tmp_path / "one", registry)
    yield running
    running.close()


def test_a_request_is_answered_and_the_socket_is_private(emulated: Emulated) -> None:
    assert emulated.control == emulated.state / "control.sock"
    assert stat.S_IMODE(emulated.control.stat().st_mode) == 0o600
    assert "ok" not in ask(find_control(), {"do": "state"})
    with pytest.raises(RequestError, match="no fault gremlins"):
        ask(find_control(), {"do": "fault", "name": "gremlins"})


def test_nothing_is_left_after_the_server_has_stopped(tmp_path: Path, registry: Path) -> None:
    for state in (tmp_path / "short", tmp_path / ("long" * 30)):
        running = Emulated(state, registry)
        folder = running.control.parent
        assert len(os.fsencode(running.control)) <= 100
        assert ask(find_control(state), {"do": "names"})["names"]
        running.close()
        assert not running.control.exists()
        assert folder == state or not folder.exists()
        assert list(state.iterdir()) == []


def test_one_connection_carries_many_requests_and_survives_nonsense(emulated: Emulated) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(emulated.control))
        connection.sendall(b'nonsense\n[1]\n"do"\n\xff\n{}\n{"do": "press", "seconds": 3}\n')
        with connection.makefile("rb") as lines:
            replies = [json.loads(lines.readline()) for _ in range(6)]
    assert [each["ok"] for each in replies] == [False] * 5 + [True]
    assert emulated.rig.presses_ms == [3000]


def test_a_line_that_never_ends_is_hung_up_on_and_the_next_client_is_served(
    emulated: Emulated,
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(emulated.control))
        endless = b"x" * (8 << 20)  # more than the server's limit and both sockets' buffers
        with pytest.raises(OSError, match=r"[Bb]roken pipe|reset"):
            connection.sendall(endless)
    assert ask(emulated.control, {"do": "names"})


def test_without_an_emulator_the_error_says_how_to_start_one(
    tmp_path: Path, registry: Path
) -> None:
    with pytest.raises(ControlError, match="start one with `carport emulate`"):
        find_control()
    with pytest.raises(ControlError, match="carport emulate --state"):
        find_control(tmp_path)
    with pytest.raises(ControlError, match="does not answer"):
        ask(tmp_path / "nothing", {"do": "state"})


def test_stale_and_strange_entries_of_the_registry_do_not_count(
    emulated: Emulated, registry: Path
) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    stale = {"pid": finished.pid, "state": "/nowhere", "control": "/nowhere/control.sock"}
    (registry / "stale.json").write_text(json.dumps(stale))
    (registry / "torn.json").write_text('{"pid": ')
    (registry / "other.json").write_text("[]")
    assert find_control() == emulated.control


def test_of_several_emulators_one_must_be_named(
    tmp_path: Path, registry: Path, emulated: Emulated
) -> None:
    second = Emulated(tmp_path / "two", registry)
    try:
        with pytest.raises(ControlError, match=r"--state DIR \(.*one, .*two\)"):
            find_control()
        assert find_control(second.state) == second.control
        assert run(["sim", "press", "--state", str(second.state)]) == 0
        assert (emulated.rig.presses_ms, second.rig.presses_ms) == ([], [3000])
    finally:
        second.close()


def test_sim_set_and_state(emulated: Emulated, capsys: pytest.CaptureFixture[str]) -> None:
    path = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
    assert run(["sim", "set", f"{path}=true", "outside_temperature=-5", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"set": {path: True, "outside_temperature": -5}}
    assert run(["sim", "state", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["signals"][path] is True
    assert state["settings"]["outside_temperature"] == -5
    assert run(["sim", "state"]) == 0
    assert f"{path} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["set", "Vehicle.Nothing=1"], 2, "Vehicle.Nothing is unknown"),
        (["set", "Vehicle.Speed"], 2, "is not NAME=VALUE"),
        (["set", "Vehicle.Speed=900"], 2, "from 0 to 300"),
        (["fault", "gremlins"], 2, "gremlins"),
        (["fault", "silent", "gateway"], 2, "gateway"),
        (["drive", "--kph", "900"], 2, "from 1 to 200"),
        (["press", "--seconds", "0"], 2, "from 0.05 to 30"),
        (["state", "--state", "/nowhere"], 1, "no emulator runs in /nowhere"),
    ],
)
def test_sim_says_what_is_wrong_and_exits(
    emulated: Emulated,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    exit_code: int,
    message: str,
) -> None:
    assert run(["sim", *arguments]) == exit_code
    assert message in capsys.readouterr().err


def test_sim_faults(emulated: Emulated, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "fault", "stuck-lock", "trunk"]) == 0
    assert run(["sim", "fault", "silent"]) == 0
    assert emulated.rig.car.faults == {("stuck-lock", "trunk"), ("silent", "body")}
    capsys.readouterr()
    assert run(["sim", "fault", "list"]) == 0
    listed = capsys.readouterr().out
    assert "* stuck-lock" in listed
    assert "  babbler" in listed
    assert run(["sim", "fault", "clear", "silent", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "faults": [{"name": "stuck-lock", "place": "trunk"}]
    }
    assert run(["sim", "fault", "clear"]) == 0
    assert emulated.rig.car.faults == set()


def test_sim_drive(emulated: Emulated) -> None:
    assert run(["sim", "drive", "--kph", "30", "--seconds", "60"]) == 0
    emulated.rig.run(10)
    assert emulated.rig.last("DRV_Status")["Speed"] == pytest.approx(30, abs=0.01)
    assert run(["sim", "drive", "stop"]) == 0
    emulated.rig.run(5)
    assert emulated.rig.last("DRV_Status")["Gear"] == "Park"


def test_names_complete_from_the_running_emulator(
    emulated: Emulated, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CARPORT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "carport sim set Vehicle.Body.H")
    monkeypatch.setenv("COMP_CWORD", "3")
    from carport.cli.main import carport_command

    with pytest.raises(SystemExit):
        carport_command.main([], prog_name="carport", complete_var="_CARPORT_COMPLETE")
    assert capsys.readouterr().out.split() == ["plain,Vehicle.Body.Hood.IsOpen="]
