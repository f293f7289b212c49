"""The built wheel in an empty environment outside the clone: it emulates, pairs, flashes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carport.hardware import board_named
from tests.models import esp_images
from tests.models.cable_board import CableBoard
from tests.vm import REPOSITORY
from tests.waiting import PATIENCE_S

NO_NETWORK = re.compile(
    r"name resolution|connection|unreachable|timed out|proxy|versions: none", re.IGNORECASE
)


def run(words: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment that knows nothing of the clone."""
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        text=True,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "CARPORT_HOME": str(folder / "home")}


def carport(folder: Path, *words: str) -> dict[str, Any]:
    """Run the installed `carport`; return what it says."""
    done = run([folder / "venv/bin/carport", *words, "--json"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    fields: dict[str, Any] = json.loads(done.stdout)
    return fields


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a `venv` that holds the wheel, its dependencies and nothing else."""
    made = run([sys.executable, "-m", "venv", "venv"], tmp_path)
    if made.returncode:
        pytest.skip(f"this Python makes no venv with pip: {made.stdout}{made.stderr}")
    pip(tmp_path, "wheel", "--no-deps", "--wheel-dir", "wheels", REPOSITORY)
    (wheel,) = (tmp_path / "wheels").glob("carport_gateway-*.whl")
    constraints = REPOSITORY / "constraints.txt"
    pip(tmp_path, "install", "--constraint", constraints, f"{wheel}[emulator,flash]")
    return tmp_path


def pip(folder: Path, *words: str | Path) -> None:
    """Run the venv's pip; skip the test where it cannot download."""
    done = run([folder / "venv/bin/python", "-m", "pip", *words], folder)
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip(f"what the wheel depends on cannot be downloaded: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("needs_vm")
def test_the_wheel_emulates_pairs_locks_and_flashes(installed: Path) -> None:
    python = installed / "venv/bin/python"
    said = run([python, "-c", "import carport, gateway; print(carport, gateway)"], installed)
    assert said.stdout.count(str(installed / "venv")) == 2
    with subprocess.Popen(
        [
            *(installed / "venv/bin/carport", "emulate", "--json"),
            *("--coap-port", "0", "--can-port", "0"),
        ],
        cwd=installed,
        env=environment(installed),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as emulator:
        assert emulator.stdout is not None
        ready = json.loads(emulator.stdout.readline())
        assert "coap" in ready, ready
        assert carport(installed, "pair")["address"] == ready["coap"].removeprefix("coap://")
        for via in ("lan", "serial"):
            assert carport(installed, "lock", "--via", via)["state"] == "confirmed"
        emulator.send_signal(signal.SIGTERM)
        assert emulator.wait(PATIENCE_S) == 0
    (installed / "ESP32_GENERIC-SPIRAM-20260601-v1.29.0.bin").write_bytes(esp_images.micropython())
    hardware = board_named("devkit-mcp2515").settings(1)
    with CableBoard(installed / "flash.img", hardware) as board:
        words = ("flash", "--board", "devkit-mcp2515", "--port", board.path)
        assert carport(installed, *words)["gateway"].startswith("carport-")
