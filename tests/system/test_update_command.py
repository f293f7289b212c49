"""`carport update` as its owner runs it, against the real firmware, over links that fail.

In the updates a minute lasts a second, so that no test waits.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carport.emulator.process import EmulatorProcess
from carport.install.package import build_package
from tests.emulated_board import cut_power
from tests.models.packages import changed_sources, package_of
from tests.system.command_line import CommandLine
from tests.system.taps import UdpTap
from tests.waiting import PATIENCE_S, wait_until

BLOCK_BYTES = 512
LOSS = 0.1
FEW_REQUESTS = 120  # a third of an update

_MAIN = "from carport.cli import main; main()"

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, needs_vm: None) -> Build:
    """`build(version)`: a package of the firmware as that version."""

    @cache
    def built(version: str) -> Path:
        folder = tmp_path_factory.mktemp(version)
        changes = {
            "firmware/crash_log.py": ("WELL_MS = const(60_000)", "WELL_MS = const(1_000)"),
            "gateway/core.py": ('VERSION = "0.1.0"', f'VERSION = "{version}"'),
        }
        file = folder / f"{version}.carport"
        file.write_bytes(build_package("emulator", "reference", changed_sources(folder, changes)))
        return file

    return built


@pytest.fixture
def tap(owner: CommandLine, emulator: EmulatorProcess) -> Iterator[UdpTap]:
    """Somebody on the network between the owner and the gateway."""
    with UdpTap(emulator.coap) as tapping:
        owner.route("car", tapping.address)
        yield tapping
    owner.route("car", emulator.coap.removeprefix("coap://"))


class Running:
    """`carport update` that is under way."""

    def __init__(self, owner: CommandLine, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, "update", *words, "--json"],
            env={
                **os.environ,
                "CARPORT_HOME": str(owner.home),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdout=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background of a shell has Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, dict[str, Any]]:
        """Return the exit code, and what it printed."""
        printed, _ = self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode, json.loads(printed)


def hold_after(tap: UdpTap, count: int) -> threading.Event:
    """Let no more requests than these through, so that nothing ends before we are there.

    Returns:
        What is set once another one was held: then no answer is under way any more.
    """
    is_held = threading.Event()

    def is_lost(data: bytes) -> bool:
        passed = tap.requests()
        if len(passed) < count:
            return False
        if data not in passed:
            is_held.set()
        return True

    tap.is_lost = is_lost
    return is_held


def test_over_the_cable_it_ends_confirmed(
    owner: CommandLine, emulator: EmulatorProcess, build: Build
) -> None:
    file = build("0.2.0")
    told = owner.run(
        "update", "--package", str(file), "--via", "serial", "--port", emulator.serial
    )
    assert (told["state"], told["from"], told["version"]) == ("confirmed", "0.1.0", "0.2.0")
    wait_until(lambda: "the update in slot a is confirmed" in emulator.read_log())
    assert owner.run("lock")["state"] == "confirmed"


def test_it_survives_ctrl_c_and_a_power_cut_and_sends_nothing_twice(
    owner: CommandLine, emulator: EmulatorProcess, build: Build, tap: UdpTap
) -> None:
    file = build("0.3.0")
    words = ("--package", str(file), "--via", "lan")
    is_held = hold_after(tap, FEW_REQUESTS)
    running = Running(owner, *words)
    assert is_held.wait(PATIENCE_S)
    running.interrupt()
    code, told = running.end()
    assert (code, told["exit_code"]) == (130, 130)
    assert "keeps what it has of the update" in told["error"]
    is_held = hold_after(tap, 2 * FEW_REQUESTS)
    running = Running(owner, *words)
    assert is_held.wait(PATIENCE_S)
    cut_power(emulator)
    tap.is_lost = lambda data: False
    code, told = running.end()
    assert (code, told["state"]) == (0, "confirmed")
    assert (told["from"], told["version"]) == ("0.2.0", "0.3.0")
    blocks = -(-file.stat().st_size // BLOCK_BYTES)
    large = [data for data in set(tap.requests()) if len(data) > BLOCK_BYTES]
    assert blocks <= len(large) < blocks + 40  # at most a sector again, and what was challenged


def test_a_link_that_loses_a_tenth_only_delays_it(
    owner: CommandLine, emulator: EmulatorProcess, tmp_path: Path
) -> None:
    """What arrives is no firmware: so the board goes back, and this test takes less time."""
    random = Random(1)
    file = tmp_path / "noise.carport"
    file.write_bytes(package_of(random.randbytes(6_000), version="0.5.0"))
    with UdpTap(emulator.coap, lambda data: random.random() < LOSS) as tap:
        owner.route("car", tap.address)
        told = owner.run("update", "--package", str(file), "--via", "lan", exit_code=6)
    owner.route("car", emulator.coap.removeprefix("coap://"))
    assert "went back to 0.3.0" in told["error"]
    assert owner.run("lock")["state"] == "confirmed"


def test_who_is_no_owner_updates_nothing(owner: CommandLine, build: Build, tmp_path: Path) -> None:
    friend = CommandLine(tmp_path / "home")
    invitation = str(tmp_path / "friend.carport")
    owner.run("keys", "add", "friend", "--role", "driver", "--file", invitation)
    friend.run("pair", "--invitation", invitation)
    told = friend.run("update", "--package", str(build("0.3.0")), exit_code=4)
    assert "only an owner may update" in told["error"]


def test_an_older_one_goes_over_the_cable_alone_and_by_force(
    owner: CommandLine, emulator: EmulatorProcess, build: Build
) -> None:
    words = ("update", "--package", str(build("0.2.0")))
    assert "older than 0.3.0" in owner.run(*words, exit_code=3)["error"]
    assert (
        "connect the cable" in owner.run(*words, "--via", "lan", "--force", exit_code=3)["error"]
    )
    told = owner.run(*words, "--port", emulator.serial, "--force")
    assert (told["state"], told["from"], told["version"]) == ("confirmed", "0.3.0", "0.2.0")


def test_another_boards_and_a_damaged_one_are_refused_before_they_are_sent(
    owner: CommandLine, build: Build, tmp_path: Path
) -> None:
    other, damaged = tmp_path / "t-2can.carport", tmp_path / "damaged.carport"
    owner.run("update", "--build", str(other), "--board", "t-2can", "--car", "leaf-2016")
    told = owner.run("update", "--package", str(other), exit_code=3)
    assert "is for t-2can, and this board is emulator" in told["error"]
    content = bytearray(build("0.3.0").read_bytes())
    content[100_000] ^= 1
    damaged.write_bytes(content)
    assert "damaged" in owner.run("update", "--package", str(damaged), exit_code=2)["error"]
