"""Fixtures of the client's and the command line's tests: a gateway of aiocoap's, and its owner."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from carport.client.known_gateways import KnownGateway
from carport.client.pairing import pair
from tests.fake_gateway import Cable, FakeGateway


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of Carport's, with nothing paired."""
    path = tmp_path / "home"
    monkeypatch.setenv("CARPORT_HOME", str(path))
    return path


@pytest.fixture
def fake_gateway(tmp_path: Path) -> Iterator[FakeGateway]:
    """A gateway that answers on the loopback interface."""
    folder = tmp_path / "board"
    folder.mkdir()
    with FakeGateway(folder) as running:
        yield running


@pytest.fixture
def cable(fake_gateway: FakeGateway) -> Iterator[Cable]:
    """A cable to the gateway."""
    with Cable(fake_gateway.port) as plugged:
        yield plugged


@pytest.fixture
def paired(home: Path, cable: Cable) -> KnownGateway:
    """The gateway as its owner knows it: by cable and on the LAN, called test."""
    return asyncio.run(pair(cable.port, "test", is_replacing=False, timeout_s=5)).gateway
