"""An emulated board that is killed at random moments while its owner gives it commands.

Two clients command it at once, one the locks and one the climate, and each asks until it has a
receipt. What really goes on the bus is heard there by a program of its own, and each datagram is
kept on its way.
"""

import asyncio
import os
import signal
import subprocess
import time
from itertools import cycle
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import can

from carport.client import Client
from carport.client.known_gateways import KnownGateway
from carport.emulator.process import EmulatorProcess
from carport.errors import NotConfirmedError, RefusedError
from tests.power.nonces import Nonces
from tests.power.witness import Asked, Witness
from tests.system.command_line import CommandLine
from tests.system.taps import UdpTap

TIMEOUT_S = 60.0
LATEST_KILL_S = 0.35  # after a command was asked for; most take no longer
POLL_S = 0.01

# The command, its arguments, and what its frames ask for.
LOCKS: list[tuple[str, dict[str, Any], str]] = [("unlock", {}, "Unlock"), ("lock", {}, "Lock")]
CLIMATES: list[tuple[str, dict[str, Any], str]] = [
    ("climate", {"on": True}, "On"),
    ("climate", {"on": False}, "Off"),
]


class KilledBoard:
    """A board, its owner and its witness, inside the `with`."""

    def __init__(self, home: Path, seed: int) -> None:
        self.witness = Witness()
        self._home = home
        self._random = Random(seed)
        self._emulator = EmulatorProcess(
            *("--coap-port", "0", "--can-port", "0", "--seed", str(seed)),
            environment={"CARPORT_HOME": str(home)},
        )

    def __enter__(self) -> Self:
        emulator = self._emulator.__enter__()
        owner = CommandLine(self._home)
        owner.run("pair", "--port", emulator.serial, "--name", "car")
        self._tap = UdpTap(emulator.coap).__enter__()
        self._gateway = KnownGateway(owner.gateway("car"), [self._tap.address])
        self._bus = can.Bus(
            interface=emulator.can["interface"],
            host=emulator.can["host"],
            port=emulator.can["port"],
            channel=emulator.can["channels"][0],
        )
        self._notifier = can.Notifier(self._bus, [self.witness.hear], timeout=0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._notifier.stop()
        self._bus.shutdown()
        self._tap.__exit__(kind, error, traceback)
        self._emulator.__exit__(kind, error, traceback)

    async def live(self, rounds: int) -> None:
        """Give two commands a round, and kill the board meanwhile."""
        async with (
            Client(self._gateway, via="lan", timeout_s=TIMEOUT_S) as first,
            Client(self._gateway, via="lan", timeout_s=TIMEOUT_S) as second,
        ):
            await first.system()
            await second.system()
            locks, climates = cycle(LOCKS), cycle(CLIMATES)
            for _ in range(rounds):
                await asyncio.gather(
                    self._command(first, "lock", *next(locks)),
                    self._command(second, "climate", *next(climates)),
                    self._kill(self._random.uniform(0, LATEST_KILL_S)),
                )

    def count_nonces(self) -> int:
        """Return how many nonces have sealed something, each only once.

        Raises:
            NonceReusedError: one did not.
        """
        nonces = Nonces()
        for passed in self._tap.passed:
            look = nonces.request if passed.is_request else nonces.response
            look(passed.data, passed.host)
        return len(nonces)

    async def _command(
        self, client: Client, path: str, command: str, arguments: dict[str, Any], wanted: str
    ) -> None:
        asked = Asked(path, wanted, time.time())
        try:
            asked.receipt = await client.command(path, command, arguments)
        except (NotConfirmedError, RefusedError) as error:
            asked.receipt = error.receipt
        asked.told_s = time.time()
        self.witness.asked.append(asked)

    async def _kill(self, after_s: float) -> None:
        """Kill the VM after so many seconds, or the next one if the last was killed just now."""
        await asyncio.sleep(after_s)
        pid = b""
        while not pid:
            search = ["pgrep", "-P", str(self._emulator.pid)]
            pid = subprocess.run(search, capture_output=True, check=False).stdout
            await asyncio.sleep(POLL_S)
        self.witness.kills_s.append(time.time())
        os.kill(int(pid), signal.SIGKILL)
