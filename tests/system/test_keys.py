"""Keys as their owner, a guest and a thief meet them, with the real firmware."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from carport.emulator.process import EmulatorProcess
from tests.system.command_line import CommandLine
from tests.waiting import PATIENCE_S

PASSPHRASE = "correct horse battery"


@pytest.fixture
def elsewhere(tmp_path: Path) -> CommandLine:
    """Another computer, which knows no gateway."""
    return CommandLine(tmp_path / "elsewhere")


def test_a_guest_comes_in_for_a_while_and_no_longer(
    owner: CommandLine, elsewhere: CommandLine, tmp_path: Path
) -> None:
    invitation = str(tmp_path / "anna.carport")
    limits = ("--role", "guest", "--for", "1h", "--uses", "2")
    owner.run("keys", "add", "anna", *limits, "--file", invitation)

    told = elsewhere.run("pair", "--invitation", invitation)
    assert (told["gateway"], told["name"], told["role"]) == ("car", "anna", "guest")
    assert elsewhere.run("lock")["state"] == "confirmed"  # so the owner has given the time
    elsewhere.run("keys", "list", exit_code=4)
    assert elsewhere.run("unlock")["state"] == "confirmed"
    assert "used up" in elsewhere.run("lock", exit_code=4)["error"]
    listed = {key["name"]: key for key in owner.run("keys", "list")["keys"]}
    assert listed["anna"]["uses"] == 0
    assert listed["anna"]["last_used"] is not None

    thief = CommandLine(tmp_path / "thief")
    assert "used already" in thief.run("pair", "--invitation", invitation, exit_code=4)["error"]


def test_a_scope_is_all_that_a_service_has(
    owner: CommandLine, elsewhere: CommandLine, tmp_path: Path
) -> None:
    invitation = str(tmp_path / "heating.carport")
    scope = ("--role", "service", "--scope", "climate")
    owner.run("keys", "add", "heating", *scope, "--file", invitation)

    elsewhere.run("pair", "--invitation", invitation)
    assert elsewhere.run("climate", "on")["state"] == "confirmed"
    assert elsewhere.run("lock", exit_code=4)["error"]
    assert elsewhere.run("climate", "off")["state"] == "confirmed"


def test_revoking_takes_effect_at_once(
    owner: CommandLine, elsewhere: CommandLine, tmp_path: Path
) -> None:
    invitation = str(tmp_path / "paul.carport")
    owner.run("keys", "add", "paul", "--role", "driver", "--file", invitation)
    elsewhere.run("pair", "--invitation", invitation)
    assert elsewhere.run("lock")["state"] == "confirmed"

    owner.run("keys", "revoke", "paul", "--yes")
    assert elsewhere.run("lock", exit_code=4)["error"]
    name = next(key["name"] for key in owner.run("keys", "list")["keys"] if key["you"])
    assert "last owner" in owner.run("keys", "revoke", name, "--yes", exit_code=3)["error"]


def test_a_terminal_shows_a_qr_code_and_asks_before_revoking(owner: CommandLine) -> None:
    drawn = in_terminal(owner, "keys", "add", "eve", "--role", "viewer")
    assert drawn.count("\x1b[30;107m") > 20
    assert "carport pair --invitation -" in drawn

    asked = in_terminal(owner, "keys", "revoke", "eve", typed="y\n")
    assert "Revoke eve (viewer, 1 invitation), for good? [y/N]: " in asked
    assert "eve is revoked" in asked


def test_a_lost_laptop_is_not_a_lost_car(
    carport_home: Path, tmp_path: Path, needs_vm: None
) -> None:
    backup, passphrase = str(tmp_path / "car.backup"), tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    secret = ("--passphrase-file", str(passphrase))
    words = ("--coap-port", "0", "--can-port", "0", "--state", str(tmp_path / "board"))
    environment = {"CARPORT_HOME": str(tmp_path / "lost")}
    lost, new = CommandLine(tmp_path / "lost"), CommandLine(tmp_path / "new")
    guest = CommandLine(tmp_path / "guest")
    with EmulatorProcess(*words, environment=environment) as emulator:
        lost.run("pair", "--port", emulator.serial, "--name", "car")
        lost.run("keys", "backup", backup, *secret)
        invitation = str(tmp_path / "anna.carport")
        lost.run("keys", "add", "anna", "--role", "guest", "--for", "1h", "--file", invitation)
        guest.run("pair", "--invitation", invitation)
        assert guest.run("lock")["state"] == "confirmed"

    with EmulatorProcess(*words, environment=environment) as emulator:
        address = emulator.coap.removeprefix("coap://")
        guest.route("car", address)
        assert "does not know the time" in guest.run("lock", exit_code=4)["error"]
        for _ in range(2):  # the same file again, after a restart too: no nonce comes twice
            told = new.run(
                "keys",
                "restore",
                backup,
                *secret,
                "--revoke-others",
                "--replace",
                "--port",
                emulator.serial,
            )
            assert told["others_revoked"] is True
        new.route("car", address)
        assert new.run("lock")["state"] == "confirmed"
        lost.route("car", address)
        assert lost.run("lock", exit_code=4)["error"]
        assert guest.run("lock")["state"] == "confirmed"
        assert "Traceback" not in emulator.read_log()


def in_terminal(owner: CommandLine, *words: str, typed: str = "") -> str:
    """Run `carport WORDS` in a terminal; return what it showed."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        done = subprocess.Popen(
            [sys.executable, "-c", "from carport.cli import main; main()", *words],
            env={
                **os.environ,
                "CARPORT_HOME": str(owner.home),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
        assert done.wait(PATIENCE_S) == 0, shown.decode()
        return shown.decode()
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed: Linux says EIO
        return b""
