"""Fixtures of the client's and the command line's tests: a gateway of aiocoap's, and its owner."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from carport.client.known_gateways import KnownGateway
from carport.client.pairing import pair
from tests.fake_gateway import Cable, FakeGateway
from tests.leaping import leap
from tests.patience import be_patient

Elsewhere = Callable[[str], None]
CtrlC = Callable[..., None]
LONG_S = 60.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a slow machine change nothing of what clients do."""
    be_patient(monkeypatch.setattr)


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
    return asyncio.run(pair(cable.port, "test", is_replacing=False, timeout_s=60)).gateway


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """`on("phone")`: from now on, this is another computer; the first one is called home."""

    def switch(computer: str) -> None:
        monkeypatch.setenv("CARPORT_HOME", str(tmp_path / computer))

    return switch


@pytest.fixture
def leap_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """`leap_on()`: all that a command waits for has lasted long enough; from any thread."""
    loops: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.events.new_event_loop

    def noted() -> asyncio.AbstractEventLoop:
        loops.append(new_event_loop())
        return loops[-1]

    def leap_all() -> None:
        for loop in loops:
            if not loop.is_closed():
                leap(loop, LONG_S)

    monkeypatch.setattr(asyncio.events, "new_event_loop", noted)
    return leap_all


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the owner's files are, and commands are run."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ctrl_c() -> Iterator[CtrlC]:
    """`ctrl_c()` does what a terminal does, also to what a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda *anything: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let stdin be a terminal where these answers are typed, one after the other."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def typed(prompt: str) -> str:
        click.echo(prompt, err=True)
        return answers.pop(0)

    monkeypatch.setattr("click.termui.visible_prompt_func", typed)
    monkeypatch.setattr("click.termui.hidden_prompt_func", typed)
    return answers
