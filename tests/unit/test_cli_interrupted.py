"""Ctrl-C: it is said that something may still happen where that is so, and nowhere else."""

import asyncio
import json
import platform
from typing import Any

import pytest

from carport.cli import arm
from carport.cli.main import run
from carport.client import pairing
from carport.client.client import Client
from carport.client.known_gateways import KnownGateway, known_gateways
from tests.fake_gateway import Cable, FakeGateway, receipt
from tests.unit.conftest import CtrlC

MAY_HAPPEN = "what was sent may have been done, or may still be"


def interrupted(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that Ctrl-C ends; return what it says."""
    assert run([*words]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()[-1:]
    assert line.startswith("carport: interrupted")
    return line.removeprefix("carport: ")


@pytest.mark.usefixtures("paired")
def test_a_command_that_was_sent_may_still_happen(
    ctrl_c: CtrlC, fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.script = ctrl_c

    said = interrupted(capsys, "lock")

    assert said.startswith("interrupted: the lock may still happen until ")
    assert said.endswith(", so look at the car, or ask with `carport status`")


@pytest.mark.usefixtures("paired")
def test_it_is_one_object_in_json(
    ctrl_c: CtrlC, fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.script = ctrl_c

    assert run(["climate", "off", "--json"]) == 130

    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 130
    assert "the climate may still happen until" in told["error"]


@pytest.mark.usefixtures("paired")
def test_a_question_that_was_not_answered_has_sent_nothing(
    ctrl_c: CtrlC,
    fake_gateway: FakeGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", ctrl_c)

    assert interrupted(capsys, "keys", "revoke", platform.node()) == "interrupted"


@pytest.mark.usefixtures("paired")
def test_looking_does_nothing_to_a_car(
    ctrl_c: CtrlC,
    fake_gateway: FakeGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = fake_gateway.signals

    def slow(paths: list[str] | None) -> Any:
        ctrl_c()
        return answer(paths)

    monkeypatch.setattr(fake_gateway, "signals", slow)
    for command in (["status"], ["signals", "Vehicle.Speed"]):
        assert interrupted(capsys, *command) == "interrupted"


@pytest.mark.usefixtures("home")
def test_what_is_local_sends_nothing(
    ctrl_c: CtrlC, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carport.profile.installed.profile_folder", ctrl_c)

    assert interrupted(capsys, "profile", "show", "reference") == "interrupted"


@pytest.mark.usefixtures("paired")
def test_a_key_may_have_been_made_or_revoked(
    ctrl_c: CtrlC,
    fake_gateway: FakeGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Heard(list[Any]):
        append = staticmethod(ctrl_c)

    fake_gateway.key_changes = Heard()
    fake_gateway.is_mute_about_keys = True

    said = interrupted(capsys, "keys", "revoke", platform.node(), "--yes")

    assert said == f"interrupted: {MAY_HAPPEN}"


@pytest.mark.usefixtures("paired")
def test_the_button_arms_although_nobody_waits_for_it(
    ctrl_c: CtrlC,
    fake_gateway: FakeGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_gateway.arm_answers = [{"armed": False, "button_ms": 60_000}]
    monkeypatch.setattr(arm, "_ask_for_button", ctrl_c)

    said = interrupted(capsys, "arm")

    assert "a press of the board's button within a minute still arms it" in said


@pytest.mark.usefixtures("home")
def test_a_gateway_that_answered_is_paired_before_its_address_is_looked_for(
    ctrl_c: CtrlC,
    cable: Cable,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def look(*anything: object) -> None:
        ctrl_c()
        await asyncio.sleep(10)

    monkeypatch.setattr(pairing, "_find_address", look)

    said = interrupted(capsys, "pair", "--port", cable.port, "--name", "leaf")

    assert said.startswith("interrupted: if `carport status` does not work yet, pair again")
    assert [gateway.name for gateway in known_gateways()] == ["leaf"]


def test_what_was_answered_has_happened(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    said: list[str] = []

    async def work() -> None:
        async with Client(paired, via="lan") as client:

            def answer(command: dict[str, Any]) -> Any:
                said.append(client.may_happen)
                return receipt(command)

            fake_gateway.script = answer
            await client.signals()
            said.append(client.may_happen)
            await client.lock()
            said.append(client.may_happen)

    asyncio.run(work())
    assert (said[0], said[2]) == ("", "")
    assert said[1].startswith("the lock may still happen until ")
