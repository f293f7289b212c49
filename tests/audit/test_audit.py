"""The part of the audit that needs no root, and that no planted leak has lost its place."""

import base64
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.attack.defence import Defence, take_out
from tests.audit.build import planted
from tests.audit.canaries import LATITUDE, forms_of_bytes, search
from tests.audit.capture import Packet
from tests.audit.check import Depth
from tests.audit.home import BOARD, LAN, PC
from tests.audit.judge import PASSED_ON, BoardJudge
from tests.audit.plants import BLOCKS_AS_THEY_ARE, RECORDS_AS_THEY_ARE
from tests.audit.searching import search_flash
from tests.audit.suite import CHECKS
from tests.vm import VM

PLANTS = [plant for check in CHECKS for plant in check.plants]
PORT = 5683


@pytest.fixture
def folder(
    vm: VM, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what emulators write away from the user's own; skip without a VM."""
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path_factory.getbasetemp() / "audit"))


def test_the_flash_holds_no_secret_in_clear(folder: None) -> None:
    outcome = search_flash({}, Depth.QUICK)
    assert outcome.looked_at == 674
    assert not outcome.found
    assert outcome.figures["blocks of records"] > 0


@pytest.mark.parametrize(
    "plant", [RECORDS_AS_THEY_ARE, BLOCKS_AS_THEY_ARE], ids=lambda plant: plant.name
)
def test_the_search_finds_what_is_not_sealed(plant: Defence, folder: None) -> None:
    with planted(plant) as build:
        assert search_flash(build, Depth.QUICK).found


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_plant_has_its_place(plant: Defence, tmp_path: Path) -> None:
    take_out([plant], tmp_path)


@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
def test_base64_is_found_wherever_it_stands(before: bytes) -> None:

    secret = b"a secret of some length"
    encoded = base64.b64encode(before + secret + b"and more")
    assert any(name == "base64" and needle in encoded for name, needle in forms_of_bytes(secret))


def test_a_coordinate_is_found_as_a_scaled_integer() -> None:
    stored = round(LATITUDE * 10**7).to_bytes(4, "big")
    assert [name for name, _, _ in search(b"\xff" * 99 + stored, {})].count("the latitude") > 0
    assert not list(search(b"\xff" * 99, {}))


def udp(source: IPv4Address, source_port: int, target: IPv4Address, port: int, ttl: int) -> bytes:
    """Return an Ethernet frame with an empty datagram."""
    head = bytes((0x45, 0)) + (28).to_bytes(2) + bytes(4) + bytes((ttl, 17, 0, 0))
    ports = source_port.to_bytes(2) + port.to_bytes(2) + bytes((0, 8, 0, 0))
    return bytes(12) + b"\x08\x00" + head + source.packed + target.packed + ports


def test_a_board_may_only_answer() -> None:
    judge = BoardJudge(LAN, (BOARD, PORT))
    answer = udp(BOARD, PORT, PC, 40000, ttl=1)
    judge.see(Packet(True, answer))
    assert judge.found.total() == 1, "nobody had asked"
    judge.see(Packet(False, udp(PC, 40000, BOARD, PORT, ttl=64)))
    judge.see(Packet(True, answer))
    assert judge.passed == {"CoAP answers": 1}
    judge.see(Packet(True, udp(BOARD, PORT, PC, 40000, ttl=64)))
    assert judge.found[PASSED_ON] == 1
    world = IPv4Address("198.51.100.53")
    judge.see(Packet(False, udp(world, 40000, BOARD, PORT, ttl=63)))
    judge.see(Packet(True, udp(BOARD, PORT, world, 40000, ttl=1)))
    assert judge.found[f"left the LAN for {world}"] == 1
