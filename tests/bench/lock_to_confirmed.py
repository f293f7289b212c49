"""From the request to lock until the car has confirmed it: `carport emulate`, and its clients."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from carport.client import Client
from carport.client.route import Via
from carport.emulator.process import EmulatorProcess

VIAS: tuple[Via, ...] = ("lan", "serial")

_TIMEOUT_S = 30


@dataclass
class Locks:
    """In ms: from request to confirmed, and what of it the car took, from the frame on its bus."""

    whole_ms: list[float] = field(default_factory=list)
    car_ms: list[float] = field(default_factory=list)

    @property
    def ours_ms(self) -> list[float]:
        """What is left without the car."""
        return [whole - car for whole, car in zip(self.whole_ms, self.car_ms, strict=True)]

    def add(self, start_s: float, at_ms: Mapping[str, int]) -> None:
        """Add a lock that is over now; at_ms: its receipt's."""
        self.whole_ms.append((time.perf_counter() - start_s) * 1000)
        self.car_ms.append(at_ms["confirmed"] - at_ms["sent"])


def measure(folder: Path, rounds: int) -> dict[str, Locks]:
    """Return the locks for each way to ask; folder: for the gateway's and the client's state."""
    locks = {}
    with _paired_emulator(folder):
        for via in VIAS:
            locks[f"client, {via}"] = asyncio.run(_with_client(via, rounds))
            locks[f"command line, {via}"] = _with_command_line(via, rounds)
    return locks


@contextmanager
def _paired_emulator(folder: Path) -> Iterator[None]:
    with (
        patch.dict(os.environ, {"CARPORT_HOME": str(folder / "home")}),
        EmulatorProcess(
            *("--state", str(folder / "state")), *("--coap-port", "0"), *("--can-port", "0")
        ),
    ):
        _carport("pair")
        yield


async def _with_client(via: Via, rounds: int) -> Locks:
    locks = Locks()
    async with Client(via=via) as client:
        for _ in range(rounds):
            await client.unlock()
            start_s = time.perf_counter()
            receipt = await client.lock()
            locks.add(start_s, receipt.at_ms)
    return locks


def _with_command_line(via: Via, rounds: int) -> Locks:
    locks = Locks()
    for _ in range(rounds):
        _carport("unlock", "--via", via)
        start_s = time.perf_counter()
        receipt = _carport("lock", "--via", via)
        locks.add(start_s, receipt["at_ms"])
    return locks


def _carport(*arguments: str) -> dict[str, Any]:
    """Run the command, and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", "from carport.cli import main; main()", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        timeout=_TIMEOUT_S,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
