"""An unmodified aiocoap, the library and its command-line tool, with contexts enrolled for it."""

import asyncio
import itertools
import json
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest
from aiocoap.optiontypes import BlockOption

from carport.emulator.process import EmulatorProcess
from tests.system.command_line import CommandLine, aiocoap_client, run_aiocoap_client
from tests.system.listener import Listener
from tests.waiting import PATIENCE_S

DRIVERS_DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
SPEED = "Vehicle.Speed"
LOCK = "LockRequest=Lock"
UNLOCK = "LockRequest=Unlock"
CBOR = 60
SENML_CBOR = 112
BLOCK_OF_64_BYTES = BlockOption.BlockwiseTuple(0, False, 2)
IDS = itertools.count(1)

BAD_COMMANDS = {
    "not CBOR": b"\xff",
    "cut off": cbor2.dumps({"id": 1000, "command": "lock"})[:-1],
    "something after it": cbor2.dumps({"id": 1000, "command": "lock"}) + b"\x00",
    "a list": ["lock"],
    "no id": {"command": "lock"},
    "an id of text": {"id": "1000", "command": "lock"},
    "an id that is true": {"id": True, "command": "lock"},
    "a negative id": {"id": -1, "command": "lock"},
    "an id of 33 bits": {"id": 1 << 32, "command": "lock"},
    "no command": {"id": 1000},
    "an unknown command": {"id": 1000, "command": "open"},
    "another resource's command": {"id": 1000, "command": "climate"},
    "an unknown field": {"id": 1000, "command": "lock", "force": True},
    "an unknown argument": {"id": 1000, "command": "lock", "arguments": {"door": 1}},
    "arguments in a list": {"id": 1000, "command": "lock", "arguments": ["door"]},
    "a lifetime of 0": {"id": 1000, "command": "lock", "lifetime_ms": 0},
}
BAD_ARGUMENTS = {
    "60 degrees": {"driver_temperature": 60},
    "15.5 degrees": {"driver_temperature": 15.5},
    "21.3 degrees": {"driver_temperature": 21.3},
    "degrees of text": {"driver_temperature": "21"},
    "degrees that are true": {"driver_temperature": True},
    "infinite degrees": {"driver_temperature": float("inf")},
    "no degrees": {"driver_temperature": None},
    "on as a number": {"on": 1},
    "nothing to change": {},
    "one good, one bad": {"on": True, "driver_seat_heating": 101},
}


@pytest.fixture(autouse=True)
def _transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiocoap choose its transport, unless its choice on Linux needs what is not here."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        monkeypatch.setenv("AIOCOAP_CLIENT_TRANSPORT", "oscore:simple6")


@pytest.fixture(scope="module")
def owner(emulator: EmulatorProcess, carport_home: Path) -> CommandLine:
    """An owner who has paired."""
    owner = CommandLine(carport_home)
    owner.run("pair", "--port", emulator.serial)
    return owner


@pytest.fixture(scope="module")
def program(owner: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one more context of the owner's."""
    folder = tmp_path_factory.mktemp("contexts") / "program"
    owner.run("pair", "--context", str(folder))
    return folder


@pytest.fixture(scope="module")
def viewer(owner: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the context of somebody who may look, and no more."""
    folder = tmp_path_factory.mktemp("contexts") / "viewer"
    owner.run("pair", "--context", str(folder), "--role", "viewer")
    return folder


@pytest.fixture
def listener(emulator: EmulatorProcess) -> Iterator[Listener]:
    """Somebody who hears what is really sent to the car."""
    with Listener(emulator.can) as listening:
        yield listening


class Program:
    """What a program does with aiocoap, for as long as a `converse` lasts."""

    def __init__(self, client: aiocoap.Context, uri: str) -> None:
        self._client = client
        self._uri = uri

    def request(self, code: Any, path: str, payload: object = None, **options: Any) -> Any:
        """Send a request; its `response` can be awaited. What is not bytes is sent in CBOR."""
        message = aiocoap.Message(code=code, uri=f"{self._uri}/{path}", **options)
        if payload is not None:
            message.opt.content_format = CBOR
            message.payload = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
        return self._client.request(message)


def converse(folder: Path, work: Callable[[Program], Awaitable[Any]]) -> Any:
    """Return what work returns with the context in folder."""

    async def connected() -> Any:
        credentials = json.loads((folder / "credentials.json").read_text())
        client = await aiocoap.Context.create_client_context()
        client.client_credentials.load_from_dict(credentials)
        (uri,) = credentials
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await work(Program(client, uri.removesuffix("/*")))
        finally:
            await client.shutdown()
            client.client_credentials[uri]._destroy()  # as when aiocoap's process ends

    return asyncio.run(connected())


def ask(folder: Path, code: Any, path: str, payload: object = None, **options: Any) -> Any:
    """Return the response to one request."""
    return converse(folder, lambda it: it.request(code, path, payload, **options).response)


def counters(folder: Path) -> dict[str, int]:
    counted: dict[str, int] = cbor2.loads(ask(folder, aiocoap.GET, "system").payload)["counters"]
    return counted


def values(payload: bytes) -> dict[str, object]:
    """Return {VSS path: value} of a SenML pack (RFC 8428: a base name holds until the next)."""
    shown = {}
    base = ""
    for record in cbor2.loads(payload):
        base = record.get(-2, base)
        shown[base + record[0]] = next(record[label] for label in (2, 3, 4) if label in record)
    return shown


def test_get(program: Path, owner: CommandLine) -> None:
    response = ask(program, aiocoap.GET, "lock")
    assert response.code == aiocoap.CONTENT
    assert response.opt.content_format == SENML_CBOR
    shown = values(response.payload)
    car = owner.run("sim", "state")["signals"]
    assert shown[DRIVERS_DOOR] == car[DRIVERS_DOOR]
    assert all(shown[path] == car[path] for path in shown)


def test_post_acts_once_and_only_after_an_echo(
    program: Path, owner: CommandLine, listener: Listener
) -> None:
    owner.run("lock")
    challenged = counters(program)["challenged"]
    since = len(listener.heard)
    command = {"id": next(IDS), "command": "unlock"}
    response = ask(program, aiocoap.POST, "lock", command)
    assert response.code == aiocoap.CHANGED
    receipt = cbor2.loads(response.payload)
    assert (receipt["id"], receipt["command"]) == (command["id"], "unlock")
    assert receipt["state"] == "confirmed"
    assert receipt["at_ms"]["accepted"] <= receipt["at_ms"]["sent"] < receipt["elapsed_ms"]
    assert receipt["evidence"][-1]["at_ms"] <= receipt["elapsed_ms"]
    assert counters(program)["challenged"] == challenged + 1
    assert set(listener.heard[since:]) == {UNLOCK}
    assert owner.locked() == {False}

    owner.run("lock")
    since = len(listener.heard)
    again = ask(program, aiocoap.POST, "lock", command)
    assert (again.code, again.payload) == (response.code, response.payload)
    other = ask(program, aiocoap.POST, "lock", {**command, "lifetime_ms": 1000})
    assert other.code == aiocoap.CONFLICT
    assert counters(program)["challenged"] == challenged + 2  # the owner's lock
    owner.run("lock")
    listener.wait_for(LOCK, since)
    assert set(listener.heard[since:]) == {LOCK}
    assert owner.locked() == {True}


def test_observe(program: Path, owner: CommandLine) -> None:
    owner.run("lock")

    async def watch(it: Program) -> tuple[object, object]:
        request = it.request(aiocoap.GET, "lock", observe=0)
        first = await request.response
        assert first.code == aiocoap.CONTENT
        assert first.opt.observe is not None
        command = {"id": next(IDS), "command": "unlock"}
        commanding = it.request(aiocoap.POST, "lock", command)
        async for notification in request.observation:
            assert notification.code == aiocoap.CONTENT
            now = values(notification.payload)
            if now.get(DRIVERS_DOOR) is False:  # while it moves there is no value
                break
        assert (await commanding.response).code == aiocoap.CHANGED
        return values(first.payload)[DRIVERS_DOOR], now[DRIVERS_DOOR]

    assert converse(program, watch) == (True, False)


def test_block2(program: Path, owner: CommandLine) -> None:
    whole = ask(program, aiocoap.GET, "signals")
    assert whole.code == aiocoap.CONTENT
    assert len(whole.payload) > 1024
    assert set(values(whole.payload)) == set(owner.run("signals"))

    earlier, before = [counters(program)["requests"] for _ in range(2)]
    in_pieces = ask(program, aiocoap.GET, "signals", block2=BLOCK_OF_64_BYTES)
    assert set(values(in_pieces.payload)) == set(values(whole.payload))
    to_count = before - earlier  # how many requests it takes to read the counters
    requests = counters(program)["requests"] - before - to_count
    assert requests == -(len(in_pieces.payload) // -64)


def test_fetch(program: Path) -> None:
    response = ask(program, aiocoap.FETCH, "signals", [SPEED, DRIVERS_DOOR])
    assert response.code == aiocoap.CONTENT
    assert response.opt.content_format == SENML_CBOR
    assert list(values(response.payload)) == [SPEED, DRIVERS_DOOR]
    for wrong in ([], ["Vehicle.Wings"], "Vehicle.Speed", [SPEED, SPEED]):
        assert ask(program, aiocoap.FETCH, "signals", wrong).code == aiocoap.BAD_REQUEST


def test_a_viewer_may_look_and_no_more(
    viewer: Path, owner: CommandLine, listener: Listener
) -> None:
    since = len(listener.heard)
    assert DRIVERS_DOOR in values(ask(viewer, aiocoap.GET, "lock").payload)
    more = {"random": bytes(32), "name": "me again", "role": "owner"}
    denied = [
        ask(viewer, aiocoap.POST, "lock", {"id": 1, "command": "unlock"}),
        ask(viewer, aiocoap.POST, "climate", {"id": 1, "command": "climate"}),
        ask(viewer, aiocoap.POST, "keys", more),
    ]
    assert [each.code for each in denied] == [aiocoap.FORBIDDEN] * 3
    owner.run("lock")
    listener.wait_for(LOCK, since)
    assert set(listener.heard[since:]) == {LOCK}
    assert owner.locked() == {True}


def test_what_is_no_command_is_answered_with_the_reason_and_nothing_is_sent(
    program: Path, owner: CommandLine, listener: Listener
) -> None:
    since = len(listener.heard)
    for what, payload in BAD_COMMANDS.items():
        response = ask(program, aiocoap.POST, "lock", payload)
        assert (response.code, bool(response.payload.decode())) == (aiocoap.BAD_REQUEST, True), (
            what
        )
    for what, arguments in BAD_ARGUMENTS.items():
        payload = {"id": 1000, "command": "climate", "arguments": arguments}
        response = ask(program, aiocoap.POST, "climate", payload)
        assert (response.code, bool(response.payload.decode())) == (aiocoap.BAD_REQUEST, True), (
            what
        )
    assert ask(program, aiocoap.POST, "trunk", {}).code == aiocoap.NOT_FOUND
    assert ask(program, aiocoap.PUT, "lock", {}).code == aiocoap.METHOD_NOT_ALLOWED
    owner.run("lock")
    listener.wait_for(LOCK, since)
    assert set(listener.heard[since:]) == {LOCK}


def test_the_tool_gets(program: Path, owner: CommandLine) -> None:
    known = owner.run("signals")
    assert set(values(run_aiocoap_client(program, "signals"))) == set(known)
    shown = values(run_aiocoap_client(program, "lock"))
    assert shown[DRIVERS_DOOR] == known[DRIVERS_DOOR]["value"]


def test_the_tool_posts(program: Path, owner: CommandLine, tmp_path: Path) -> None:
    owner.run("lock")
    command = {"id": next(IDS), "command": "unlock"}
    (tmp_path / "unlock.cbor").write_bytes(cbor2.dumps(command))
    options = ("--content-format", "application/cbor", "--payload", f"@{tmp_path / 'unlock.cbor'}")
    receipt = cbor2.loads(run_aiocoap_client(program, "lock", "-m", "POST", *options))
    assert (receipt["id"], receipt["state"]) == (command["id"], "confirmed")
    assert owner.locked() == {False}


def test_the_tool_observes(program: Path, owner: CommandLine) -> None:
    """Only the first representation is asked of it: aiocoap-client 0.4.17 shows no other."""
    known = owner.run("signals")
    command = aiocoap_client(program, "lock", "--observe", "-v")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        first = cbor2.load(running.stdout)
        running.terminate()
        told = running.stderr.read()
    assert values(cbor2.dumps(first))[DRIVERS_DOOR] == known[DRIVERS_DOOR]["value"]
    assert b"- Observe (6): " in told.partition(b"2.05 Content")[2]
