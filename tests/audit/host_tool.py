"""Whom the host tool contacts: the gateway that its user names, and the link, to find it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from tests.audit.board import Board
from tests.audit.capture import Capture
from tests.audit.check import Build, Depth, Outcome
from tests.audit.home import BOARD, LAN, Home
from tests.audit.judge import PcJudge
from tests.audit.leaving import LISTEN
from tests.audit.place import Place

_COMMAND = (sys.executable, "-c", "from carport.cli import main; main()")
_TIMEOUT_S = 30.0
_UNTIL = date.today() + timedelta(days=30)
_FIRST = ("discover", "discover --json")
_USED = (
    "status",
    "status --via serial",
    "signals",
    "lock",
    "unlock",
    "climate on --temp 21.5",
    "climate off",
    "keys list",
    "keys add bob --role driver --file bob.carport",
    "keys revoke bob --yes",
    f"data consent driving --purpose audit --every 1s --keep 30d --until {_UNTIL} --region DE",
    "data consent",
    "data status",
    "data ledger --verify",
    "data export --since 1h -o out.csv",
    "data erase --all --yes",
    "profile check reference",
    "--version",
)


def contacts(build: Build, depth: Depth) -> Outcome:
    """Run the commands on the owner's PC, and judge what it sends."""
    outcome = Outcome()
    with (
        Home() as home,
        tempfile.TemporaryDirectory(prefix="carport-tool-") as folder,
        Board({}, LISTEN, home.board, home.pc) as board,
    ):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **build}
        environment["CARPORT_HOME"] = folder
        pair = f"pair --port {board.emulator.serial} --name audit"
        commands = (*_FIRST, pair, *_USED) if depth > Depth.QUICK else _FIRST[:1]
        with Capture(home.pc, "eth0") as capture:
            codes = [_run(home.pc, command, environment, Path(folder)) for command in commands]
        outcome.figures["errors on the board"] = board.errors()
        port = board.address[1]
    judge = PcJudge(LAN, (BOARD, port))
    for packet in capture.packets:
        judge.see(packet)
    outcome.looked_at = sum(packet.is_sent for packet in capture.packets)
    outcome.found = judge.found
    outcome.figures["commands"] = len(commands)
    outcome.figures["sent by the PC"] = dict(judge.passed)
    failed = [f"{name}: {code}" for name, code in zip(commands, codes, strict=True) if code]
    if failed and depth > Depth.QUICK:
        outcome.figures["exit codes other than 0"] = ", ".join(failed)
    return outcome


def _run(place: Place, command: str, environment: Mapping[str, str], folder: Path) -> int:
    """Return a command's exit code."""
    done = place.call(
        lambda: subprocess.run(
            [*_COMMAND, *command.split()],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    )
    return done.returncode
