"""Pairing: what is learnt, what is kept, and when it is refused."""

import asyncio
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from carport.client import Client
from carport.client.emulators import Emulator, running_emulators
from carport.client.known_gateways import KnownGateway, find_gateway, known_gateways
from carport.client.pairing import find_port, pair
from carport.errors import NotAuthorisedError, UsageError
from carport.paths import runtime_dir
from tests.fake_gateway import Cable, FakeGateway


def _pair(cable: Cable, name: str | None, is_replacing: bool = False) -> KnownGateway:
    return asyncio.run(pair(cable.port, name, is_replacing=is_replacing, timeout_s=60)).gateway


def _announce(fake_gateway: FakeGateway, serial_port: str, pid: int) -> None:
    entry = {"pid": pid, "coap": f"coap://{fake_gateway.address}", "serial": serial_port}
    (runtime_dir() / f"emulator-{pid}.json").write_text(json.dumps(entry))


def test_pairing_remembers_where_the_gateway_is(paired: KnownGateway, cable: Cable) -> None:
    assert find_gateway("test") == paired
    assert paired.serial_port == cable.port
    assert paired.profile == "reference"


def test_the_gateway_gives_its_own_name_where_none_is_given(home: Path, cable: Cable) -> None:
    assert _pair(cable, None).name == "Test-board"


def test_what_is_kept_is_its_owners_alone(paired: KnownGateway, home: Path) -> None:
    for path in home.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_name_that_is_taken_is_refused_before_anything_is_sent(
    paired: KnownGateway, fake_gateway: FakeGateway, cable: Cable
) -> None:
    keys = dict(fake_gateway.keys.contexts)

    with pytest.raises(UsageError, match="--replace"):
        _pair(cable, "test")
    assert fake_gateway.keys.contexts == keys


def test_replacing_forgets_the_old_keys(paired: KnownGateway, cable: Cable) -> None:
    old = {path.name for path in (paired.folder / "contexts").glob("*/")}

    again = _pair(cable, "test", is_replacing=True)

    assert old.isdisjoint(path.name for path in (again.folder / "contexts").glob("*/"))
    assert [gateway.name for gateway in known_gateways()] == ["test"]
    assert sorted(path.name for path in paired.folder.parent.iterdir()) == ["test"]


def test_closed_pairing_says_what_to_do_and_leaves_nothing(
    home: Path, fake_gateway: FakeGateway, cable: Cable
) -> None:
    fake_gateway.is_pairing_open = False

    with pytest.raises(NotAuthorisedError, match="button for 3 s"):
        _pair(cable, None)
    assert known_gateways() == []


@pytest.mark.parametrize("name", ["", "../evil", ".hidden", "a/b", "x" * 33])
def test_a_name_must_fit_a_folder(home: Path, cable: Cable, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a gateway's name"):
        _pair(cable, name)


def test_with_several_gateways_one_must_be_named(paired: KnownGateway, cable: Cable) -> None:
    _pair(cable, "other")

    with pytest.raises(UsageError, match="other, test"):
        find_gateway(None)
    assert find_gateway("other").name == "other"


def test_the_port_is_the_running_emulators(
    home: Path, fake_gateway: FakeGateway, cable: Cable
) -> None:
    _announce(fake_gateway, cable.port, os.getpid())

    assert running_emulators() == [Emulator(fake_gateway.address, cable.port)]
    assert find_port(lambda ports: "several") == cable.port


def test_an_emulator_that_has_ended_counts_no_more(
    home: Path, fake_gateway: FakeGateway, cable: Cable
) -> None:
    _announce(fake_gateway, cable.port, 2**22 + 1)  # above Linux's highest process id

    assert running_emulators() == []


def test_a_gateway_that_has_moved_is_found_by_its_key(
    paired: KnownGateway, fake_gateway: FakeGateway, cable: Cable
) -> None:
    _announce(fake_gateway, cable.port, os.getpid())
    moved = replace(paired, addresses=["127.0.0.1:9"], serial_port="/dev/no-such-port")
    moved.save()

    async def lock() -> None:
        async with Client("test", timeout_s=60) as client:
            await client.lock()

    asyncio.run(lock())
    assert find_gateway("test").addresses == [fake_gateway.address, "127.0.0.1:9"]
