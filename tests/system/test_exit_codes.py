"""The command line's exit codes, each with the thing that causes it really happening."""

import signal
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from carport.emulator.process import EmulatorProcess
from gateway.coap import message
from gateway.coap.numbers import POST
from tests.system.command_line import CommandLine
from tests.system.listener import Listener
from tests.system.taps import UdpTap

DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
LOCK = "LockRequest=Lock"


@pytest.fixture
def listener(emulator: EmulatorProcess) -> Iterator[Listener]:
    """Somebody who hears what is really sent to the car."""
    with Listener(emulator.can) as listening:
        yield listening


def test_0_is_done_and_confirmed(owner: CommandLine) -> None:
    receipt = owner.run("lock", exit_code=0)
    assert (receipt["state"], owner.locked()) == ("confirmed", {True})


def test_2_is_wrong_usage_and_nothing_is_sent(owner: CommandLine, listener: Listener) -> None:
    for words in (
        ("climate", "set", "--temp", "60"),
        ("climate", "set", "--seat", "driver=101"),
        ("climate", "set"),
        ("lock", "--via", "pigeon"),
        ("lock", "--gateway", "bus"),
    ):
        assert owner.run(*words, exit_code=2)["error"]
    owner.run("lock")
    listener.wait_for(LOCK, 0)
    assert set(listener.heard) == {LOCK}


def test_3_is_refused_and_nothing_is_sent(owner: CommandLine, listener: Listener) -> None:
    owner.run("lock")
    since = len(listener.heard)
    owner.run("sim", "drive", "--kph", "30", "--seconds", "60")
    try:
        told = owner.run("unlock", exit_code=3)
        assert told["state"] == "refused"
        assert told["reason"]
    finally:
        owner.run("sim", "drive", "stop")
    owner.run("sim", "set", f"{DOOR}=true")
    try:
        told = owner.run("lock", exit_code=3)
        assert told["state"] == "refused"
        assert told["reason"]
    finally:
        owner.run("sim", "set", f"{DOOR}=false")
    assert listener.heard[since:] == []


def test_4_is_not_authorised(
    owner: CommandLine, emulator: EmulatorProcess, listener: Listener, tmp_path: Path
) -> None:
    owner.run("pair", "--context", str(tmp_path / "friend"), "--role", "viewer")
    friend = CommandLine(tmp_path / "home")
    contexts = friend.gateway("car") / "contexts"
    contexts.mkdir(parents=True)
    (tmp_path / "friend").rename(contexts / "friend")
    (contexts.parent / "gateway.json").write_text("{}")
    friend.route("car", emulator.coap.removeprefix("coap://"))
    assert friend.run("signals", "Vehicle.Speed")
    more = ("pair", "--context", str(tmp_path / "more"), "--role", "owner")
    for words in (("lock",), ("climate", "on"), more):
        assert friend.run(*words, exit_code=4)["error"]
    assert listener.heard == []
    stranger = CommandLine(tmp_path / "elsewhere")
    assert stranger.run("pair", "--port", emulator.serial, exit_code=4)["error"]


def test_5_is_no_answer_though_it_may_have_been_heard(
    owner: CommandLine, emulator: EmulatorProcess
) -> None:
    with UdpTap(emulator.coap, lambda data: message.decode(data).code == POST) as tap:
        owner.route("car", tap.address)
        told = owner.run("lock", "--via", "lan", "--timeout", "4", exit_code=5)
    owner.route("car", emulator.coap.removeprefix("coap://"))
    assert "may still happen until" in told["error"]


def test_6_is_sent_but_not_confirmed(owner: CommandLine, listener: Listener) -> None:
    owner.run("unlock")
    since = len(listener.heard)
    owner.run("sim", "fault", "stuck-lock")
    try:
        told = owner.run("lock", exit_code=6)
    finally:
        owner.run("sim", "fault", "clear")
    assert told["state"] == "unconfirmed"
    assert LOCK in listener.heard[since:]
    assert owner.locked() == {True, False}


def test_5_is_no_answer_from_a_gateway_that_was_killed(
    owner: CommandLine, emulator: EmulatorProcess
) -> None:
    emulator.stop(signal.SIGKILL)
    rmtree(emulator.state)  # which it could not do itself
    told = owner.run("lock", "--timeout", "1", exit_code=5)
    assert "nothing was sent" in told["error"]
