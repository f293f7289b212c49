"""`carport` and `aiocoap-client` as their user runs them: a process for each command."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE_S


class CommandLine:
    """Runs `carport` with a CARPORT_HOME of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """Run `carport WORDS --json`, which ends with exit_code; return what it printed last."""
        return self.lines(*words, exit_code=exit_code)[-1]

    def lines(self, *words: str, exit_code: int = 0) -> list[dict[str, Any]]:
        """Run `carport WORDS --json`, which ends with exit_code; return each line it printed."""
        done = subprocess.run(
            [sys.executable, "-c", "from carport.cli import main; main()", *words, "--json"],
            env={
                **os.environ,
                "CARPORT_HOME": str(self.home),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            text=True,
            check=False,
        )
        said = f"carport {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == exit_code, said
        return [json.loads(line) for line in done.stdout.splitlines()]

    def gateway(self, name: str) -> Path:
        """Return the folder of a gateway."""
        return self.home / "config" / "gateways" / name

    def route(self, name: str, address: str) -> None:
        """Let a gateway be known at this address alone."""
        path = self.gateway(name) / "gateway.json"
        fields = json.loads(path.read_text())
        path.write_text(json.dumps({**fields, "addresses": [address]}))

    def locked(self) -> set[bool]:
        """Return what the simulated car's locks really are: {True} if all are locked."""
        signals = self.run("sim", "state")["signals"]
        return {value for path, value in signals.items() if path.endswith(".IsLocked")}


def aiocoap_client(folder: Path, path: str, *options: str) -> list[str]:
    """Return the command that asks for a path with the context that was enrolled into folder.

    `python -m aiocoap.cli.client` is `aiocoap-client`.
    """
    credentials = folder / "credentials.json"
    (uri,) = json.loads(credentials.read_text())
    command = [sys.executable, "-m", "aiocoap.cli.client", "--credentials", str(credentials)]
    return [*command, *options, uri.replace("*", path)]


def run_aiocoap_client(folder: Path, path: str, *options: str) -> bytes:
    """Run that command; return what it prints."""
    command = aiocoap_client(folder, path, *options)
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
