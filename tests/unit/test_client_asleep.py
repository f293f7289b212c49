"""A gateway that may be asleep: the tools remember it, and say so when it does not answer."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from carport.cli.main import run
from carport.client import Client
from carport.client.known_gateways import KnownGateway, find_gateway
from carport.client.pairing import pair
from carport.errors import NoAnswerError
from tests.core_gateway import CoreGateway

STORED = {"mode": "stored", "state": "stored", "interval_s": 900, "awake_until_s": 60}
REACHABLE = {"mode": "reachable", "state": "reachable", "supply_mv": 12_700}


@pytest.fixture
def board() -> Iterator[CoreGateway]:
    with CoreGateway(restarts=True) as running:
        yield running


@pytest.fixture
def known(board: CoreGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownGateway:
    """The board, which its owner has just paired with."""
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path))
    return asyncio.run(pair(board.port, "test", is_replacing=False, timeout_s=60)).gateway


def look(board: CoreGateway, power: dict[str, object]) -> None:
    """Let the owner read /system."""
    with board.paused() as shell:
        shell.gateway.attach_power(lambda: power)

    async def ask() -> None:
        async with Client(timeout_s=60) as client:
            assert (await client.system()).power == power

    asyncio.run(ask())


def test_it_is_remembered_from_what_the_gateway_says(
    board: CoreGateway,
    known: KnownGateway,
) -> None:
    assert known.wakes_each_s is None
    look(board, STORED)
    assert find_gateway(None).wakes_each_s == 900
    look(board, REACHABLE)
    assert find_gateway(None).wakes_each_s is None


def test_who_gets_no_answer_is_told_when_to_try_again(
    board: CoreGateway,
    known: KnownGateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    look(board, STORED)
    board.is_cut = True

    async def lock() -> None:
        async with Client(via="lan", timeout_s=0.5) as client:
            await client.lock()

    with pytest.raises(NoAnswerError, match="it may be asleep, and wakes each 15 min, or when"):
        asyncio.run(lock())
    assert run(["discover", "--timeout", "0"]) == 0
    said = "test does not answer: it may be asleep, and wakes each 15 min, or when the car does\n"
    assert capsys.readouterr().out == said
    assert run(["discover", "--timeout", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["maybe_asleep"] == [{"name": "test", "wakes_each_s": 900}]


def test_status_learns_it_and_says_it(
    board: CoreGateway,
    known: KnownGateway,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with board.paused() as shell:
        shell.gateway.attach_power(lambda: STORED)
    assert run(["status"]) == 0
    said = "When test does not answer, it may be asleep, and wakes each 15 min, or when the car"
    assert said in capsys.readouterr().out
    assert find_gateway(None).wakes_each_s == 900
