"""An owner's computer and a board with the real core, whose car and time the test sets."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from carport.cli.main import run
from carport.client.known_gateways import KnownGateway
from carport.client.pairing import pair
from tests.core_gateway import CoreGateway
from tests.models.car import Car

NAME = "test"
LAST_DAY = date.today() + timedelta(days=200)  # of what is consented to


@dataclass
class Owner:
    """Runs `carport data` in this process, as somebody types it.

    later_s: how far this computer's time is ahead of the real one, as the board's is.
    """

    board: CoreGateway
    capsys: pytest.CaptureFixture[str]
    later_s: float = 0.0

    def run(self, *words: str, exit_code: int = 0) -> str:
        """Run `carport data WORDS`, which ends with exit_code; return what it printed."""
        self.capsys.readouterr()
        code = run(["data", *words])
        printed = self.capsys.readouterr()
        assert code == exit_code, f"{code}: {printed.out}{printed.err}"
        return printed.out + printed.err

    def told(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """Run it with --json; return what it told."""
        fields: dict[str, Any] = json.loads(
            self.run(*words, "--json", exit_code=exit_code).splitlines()[-1]
        )
        return fields

    def consent(self, *groups: str, every: str = "1s", region: str = "DE") -> None:
        """Consent to recording these groups."""
        terms = ("--purpose", "test", "--until", str(LAST_DAY), "--every", every)
        self.run("consent", *(groups or ("driving",)), *terms, "--region", region)

    def drive(self, seconds: int = 130, kph: float = 40.0) -> None:
        """Let the car drive for so long, each second a bit faster."""
        self.later_s += seconds
        with self.board.paused() as shell:
            car = Car(shell)
            for second in range(seconds):
                car.signals["DRV_Status"]["Speed"] = kph + second / 4 % 100
                for _ in range(5):
                    shell.advance(200)
                    car.send()


@pytest.fixture
def board() -> Iterator[CoreGateway]:
    with CoreGateway() as running:
        yield running


@pytest.fixture
def at_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`at_computer("laptop")`: from now on this is another computer; the first one is home."""
    return lambda computer: monkeypatch.setenv("CARPORT_HOME", str(tmp_path / computer))


@pytest.fixture
def pair_at(
    board: CoreGateway, at_computer: Callable[[str], None]
) -> Callable[[str], KnownGateway]:
    """`pair_at("laptop")`: from now on this is another computer, which has just paired."""

    def at(computer: str) -> KnownGateway:
        at_computer(computer)
        with board.paused() as shell:
            shell.gateway.press_button(3000, shell.now_ms)
        return asyncio.run(pair(board.port, NAME, is_replacing=False, timeout_s=60)).gateway

    return at


@pytest.fixture
def owner(
    board: CoreGateway,
    pair_at: Callable[[str], KnownGateway],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Owner:
    """An owner who has paired; files go into the folder desk."""
    pair_at("home")
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    owner = Owner(board, capsys)
    now_s = time.time
    monkeypatch.setattr("time.time", lambda: now_s() + owner.later_s)
    return owner
