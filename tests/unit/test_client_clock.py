"""An owner's process gives the gateway its time, after its own answer and not at its cost."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import aiocoap
import pytest

from carport.cli.main import run
from carport.client import Client, clock
from carport.client.known_gateways import KnownGateway
from tests.fake_gateway import FakeGateway
from tests.patience import CARPORT
from tests.unit.conftest import Elsewhere

NOW_S = 1_800_000_000


@pytest.fixture(autouse=True)
def _gateway_without_time(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    """Pairing has given the time already: forget it."""
    fake_gateway.unix_s = None
    fake_gateway.times_given.clear()


def test_a_gateway_without_time_is_given_it_once(fake_gateway: FakeGateway) -> None:
    assert run(["status"]) == 0
    assert run(["lock"]) == 0

    (given,) = fake_gateway.times_given
    assert abs(given - time.time()) < 10


@pytest.mark.parametrize(("off_s", "is_given"), [(0, False), (-1, False), (4, True), (-4, True)])
def test_only_a_wrong_time_is_put_right(
    off_s: int, is_given: bool, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW_S + 0.5)
    fake_gateway.unix_s = NOW_S + off_s

    assert run(["status"]) == 0
    assert fake_gateway.times_given == ([NOW_S] if is_given else [])


def test_a_clock_that_was_never_set_is_not_passed_on(
    fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_767_225_599.0)

    assert run(["status"]) == 0
    assert fake_gateway.times_given == []


def test_a_driver_gives_no_time(fake_gateway: FakeGateway, on: Elsewhere, desk: Path) -> None:
    assert run(["keys", "add", "anna", "--role", "driver", "--file", "anna.carport"]) == 0
    fake_gateway.unix_s = None
    fake_gateway.times_given.clear()
    on("phone")

    assert run(["pair", "--invitation", "anna.carport"]) == 0
    assert run(["status"]) == 0
    assert fake_gateway.times_given == []


@pytest.mark.parametrize("code", [aiocoap.CONFLICT, aiocoap.FORBIDDEN, aiocoap.NOT_FOUND])
def test_a_refusal_is_told_to_those_who_ask(
    code: Any, fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.time_answer = aiocoap.Message(code=code, payload=b"set it over the cable")

    assert run(["status"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["status", "-v"]) == 0
    assert capsys.readouterr().err == "board: the time was not taken: set it over the cable\n"


def test_the_result_is_there_before_the_time_is_given(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    printed = threading.Event()
    fake_gateway.time_is_held_until = printed
    with subprocess.Popen(
        [*CARPORT, "lock", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as locking:
        assert locking.stdout is not None
        assert '"confirmed"' in locking.stdout.readline()
        assert fake_gateway.times_given == []
        printed.set()
        assert locking.wait() == 0
    assert len(fake_gateway.times_given) == 1


def test_a_gateway_that_keeps_silent_about_the_time_costs_a_moment(
    fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "GIVING_S", 0.2)
    fake_gateway.time_is_held_until = threading.Event()

    assert run(["lock"]) == 0
    assert "confirmed" in capsys.readouterr().out
    fake_gateway.time_is_held_until.set()


@pytest.mark.parametrize(("again_s", "times"), [(3600.0, 1), (0.0, 2)])
def test_a_process_that_stays_gives_it_again(
    again_s: float,
    times: int,
    paired: KnownGateway,
    fake_gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("carport.client.client.GIVE_AGAIN_S", again_s)

    async def ask_twice() -> None:
        async with Client(paired, via="lan") as client:
            for _ in range(2):
                await client.signals()
                await client.settle()
                fake_gateway.unix_s = None  # the board restarts

    asyncio.run(ask_twice())
    assert len(fake_gateway.times_given) == times
