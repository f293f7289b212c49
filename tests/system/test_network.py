"""The network of a running gateway: who is on it, and a flood at loopback's full speed."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from carport.emulator.process import EmulatorProcess
from carport.errors import CarportError
from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, EMPTY, GET, POST, RST
from tests.models.host import Host, plain
from tests.system.command_line import CommandLine
from tests.system.wire import Wire
from tests.waiting import PATIENCE_S

FREE_PORTS = ("--coap-port", "0", "--can-port", "0")
TRIES = 3
FLOOD = Path(__file__).with_name("flood.py")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only address of loopback"
)


@contextmanager
def flood(coap: str, address: str) -> Iterator[None]:
    """Let another process flood the gateway."""
    port = str(urlsplit(coap).port)
    with subprocess.Popen(
        [sys.executable, str(FLOOD), port, address], stdout=subprocess.PIPE, text=True
    ) as flooding:
        try:
            assert flooding.stdout is not None
            assert flooding.stdout.readline() == "flooding\n"
            yield
            assert flooding.poll() is None, "it has ended by itself"
        finally:
            flooding.kill()


def are_answered(coap: str, own: str, *others: str) -> set[str]:
    """Ping the gateway from an address of its network after others; return who is answered.

    Answers keep their order: when the last one comes, all have come.
    """
    to = urlsplit(coap)
    with ExitStack() as opened:
        asking = {}
        for address in (*others, own):
            asking[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.enter_context(asking[address]).bind((address, 0))
            ping = message.encode(Message(CON, EMPTY, 77))
            asking[address].sendto(ping, (to.hostname, to.port))
        select.select([asking[own]], [], [], PATIENCE_S)
        ready, _, _ = select.select(asking.values(), [], [], 0)
        assert all(message.decode(each.recv(99)).type == RST for each in ready)
        return {address for address, each in asking.items() if each in ready}


def owner_at_the_cable(wire: Wire) -> Host:
    """Pair, and use nothing but the cable."""
    shell: Any = wire
    random = os.urandom(32)
    request = cbor.encode({"random": random, "name": "ann"})
    _, answer = plain(shell, POST, ["pair"], request, cable=True)
    host = Host.enrolled(shell, random, cbor.decode(answer), b"carport pair")
    host.on_cable = True
    return host


def test_it_serves_the_network_that_it_is_told_and_no_other(carport_home: Path) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    arguments = (*FREE_PORTS, "--listen", "127.5.0.2/24")
    with EmulatorProcess(*arguments, environment=environment) as running:
        assert running.coap.startswith("coap://127.5.0.2:")
        answered = are_answered(running.coap, "127.5.0.77", "127.5.1.77", "127.0.0.1")
        assert answered == {"127.5.0.77"}
        with Wire(running.coap, running.serial) as wire:
            system = owner_at_the_cable(wire).request(GET, ["system"]).value
        assert system["platform"]["off_link"] == 2


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("192.0.2.1/24", "does not have the address 192.0.2.1"),
        ("127.5.0.2", "the network is missing: 127.5.0.2/24"),
        ("here", "here is no IPv4 address"),
    ],
)
def test_an_address_that_cannot_be_is_refused(carport_home: Path, listen: str, why: str) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    with pytest.raises(CarportError, match=why):
        EmulatorProcess(*FREE_PORTS, "--listen", listen, environment=environment).__enter__()


@pytest.fixture(scope="module")
def owner(emulator: EmulatorProcess, carport_home: Path) -> CommandLine:
    """An owner who has paired."""
    owner = CommandLine(carport_home)
    owner.run("pair", "--port", emulator.serial)
    return owner


def is_confirmed(owner: CommandLine, command: str) -> bool:
    """Tell whether a command comes through: in a flood one in thirty gets no answer."""
    try:
        return bool(owner.run(command, "--via", "lan", "--timeout", "15")["state"] == "confirmed")
    except AssertionError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9"])
def test_a_flood_leaves_the_owners_commands_working(
    emulator: EmulatorProcess, owner: CommandLine, address: str
) -> None:
    """Forged in the owner's name, and from another host."""
    with flood(emulator.coap, address):
        for command in ("lock", "unlock"):
            assert any(is_confirmed(owner, command) for _ in range(TRIES))
