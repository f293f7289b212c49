"""The way to a gateway: which ones are tried, in which order, and which are left out."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from carport.client import route
from carport.client.known_gateways import KnownGateway
from carport.client.route import Via, routes
from carport.client.serial_port import open_port
from carport.errors import UsageError
from carport.paths import runtime_dir
from tests.fake_gateway import Cable, FakeGateway

GONE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def lan(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What multicast discovery finds."""
    found: list[str] = []

    async def discover(timeout_s: float) -> list[str]:
        return found

    monkeypatch.setattr(route, "discover", discover)
    return found


def _announce(fake_gateway: FakeGateway, serial_port: str) -> None:
    entry = {"pid": os.getpid(), "coap": f"coap://{fake_gateway.address}", "serial": serial_port}
    (runtime_dir() / f"emulator-{os.getpid()}.json").write_text(json.dumps(entry))


def _found(
    gateway: KnownGateway, via: Via = "auto", port: str | None = None, timeout_s: float = 60.0
) -> list[tuple[str, bool]]:
    """Return where each route leads (an address or a serial port), and whether it is certain."""

    async def collect() -> list[tuple[str, bool]]:
        deadline = asyncio.get_running_loop().time() + timeout_s
        found = []
        async for each in routes(gateway, via, port, deadline, lambda line: None):
            found.append((each.port or each.address, each.is_certain))
            await each.close()
        return found

    return asyncio.run(collect())


def test_the_lan_comes_before_the_emulators_and_what_answers_a_multicast(
    paired: KnownGateway, fake_gateway: FakeGateway, cable: Cable, lan: list[str]
) -> None:
    _announce(fake_gateway, cable.port)
    lan += ["192.0.2.7:5683", fake_gateway.address]

    assert _found(paired) == [
        (fake_gateway.address, True),
        (cable.port, False),
        ("192.0.2.7:5683", False),
    ]


def test_an_address_that_does_not_answer_comes_after_the_cable(
    paired: KnownGateway, cable: Cable, fake_gateway: FakeGateway
) -> None:
    _announce(fake_gateway, cable.port)

    assert _found(replace(paired, addresses=[GONE])) == [
        (cable.port, False),
        (GONE, False),
        (fake_gateway.address, False),
    ]


def test_a_pseudo_terminal_that_no_emulator_claims_is_left_alone(paired: KnownGateway) -> None:
    assert _found(replace(paired, addresses=[GONE])) == [(GONE, False)]


def test_it_is_used_where_it_is_asked_for(paired: KnownGateway, cable: Cable) -> None:
    assert _found(paired, via="serial") == [(cable.port, True)]
    assert _found(replace(paired, serial_port=None), port=cable.port) == [(cable.port, True)]


def test_the_lan_alone_and_the_cable_alone(
    paired: KnownGateway, fake_gateway: FakeGateway, cable: Cable
) -> None:
    _announce(fake_gateway, cable.port)

    assert _found(paired, via="lan") == [(fake_gateway.address, True)]
    assert _found(paired, via="serial") == [(cable.port, False)]


def test_a_cable_that_is_not_there_is_said_to_be_missing_if_it_is_the_only_way(
    paired: KnownGateway,
) -> None:
    unplugged = replace(paired, serial_port="/dev/no-such-port")

    assert [certain for _, certain in _found(unplugged)] == [True]
    with pytest.raises(UsageError, match="no serial port"):
        _found(unplugged, via="serial")


def test_a_cable_in_use_is_left_out_where_there_are_other_ways(
    paired: KnownGateway, fake_gateway: FakeGateway, cable: Cable
) -> None:
    _announce(fake_gateway, cable.port)

    async def hold() -> None:
        deadline = asyncio.get_running_loop().time() + 60
        used = await open_port(cable.port, deadline)
        found = [each async for each in routes(paired, "auto", None, deadline, lambda line: None)]
        used.close()
        assert [each.address for each in found] == [fake_gateway.address]

    asyncio.run(hold())
