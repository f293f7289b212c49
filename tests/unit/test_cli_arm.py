"""`carport arm` against a gateway that answers as the test says."""

import json

import aiocoap
import pytest

from carport.cli.main import run
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("paired")

WAITING = {"armed": False, "button_ms": 60_000}


def out(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_it_waits_for_the_button(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.arm_answers = [WAITING, WAITING, {"armed": True}]
    assert run(["arm"]) == 0
    told, asked = out(capsys)
    assert "Press the board's button" in asked
    assert "is armed" in told
    assert fake_gateway.arm_requests == ["POST", "GET", "GET"]


def test_an_armed_gateway_needs_no_button(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["arm", "--json"]) == 0
    told, asked = out(capsys)
    assert json.loads(told)["armed"] is True
    assert asked == ""
    assert fake_gateway.arm_requests == ["POST"]


def test_without_a_press_it_is_refused(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.arm_answers = [{"armed": False, "button_ms": 1}, {"armed": False}]
    assert run(["arm", "--json"]) == 3
    told, asked = out(capsys)
    assert json.loads(told)["exit_code"] == 3
    assert "was not pressed" in json.loads(told)["error"]
    assert asked == ""


def test_off_asks_for_no_button(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.arm_answers = [{"armed": False}]
    assert run(["arm", "--off"]) == 0
    assert "only listens" in out(capsys)[0]
    assert run(["arm", "--off", "--json"]) == 0
    assert json.loads(out(capsys)[0])["armed"] is False
    assert fake_gateway.arm_requests == ["DELETE", "DELETE"]


def test_who_may_not_is_told_so(fake_gateway: FakeGateway) -> None:
    fake_gateway.arm_answers = [aiocoap.Message(code=aiocoap.FORBIDDEN, payload=b"no")]
    assert run(["arm"]) == 4
    assert run(["arm", "--off"]) == 4


def test_an_answer_that_is_none_is_a_fault_of_our_own(fake_gateway: FakeGateway) -> None:
    for payload in (b"", b"\xff", b"\x80", b"\xa0", b"\xa2earmed\xf5ibutton_msax"):
        fake_gateway.arm_answers = [aiocoap.Message(code=aiocoap.CHANGED, payload=payload)]
        assert run(["arm"]) == 1
