"""`carport` as its user runs it: a process for each command, with a CARPORT_HOME of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 40.0


class CommandLine:
    """Runs commands with `--json`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """Run `carport WORDS --json`; return what it prints once it has ended with exit_code."""
        done = subprocess.run(
            [sys.executable, "-c", "from carport.cli import main; main()", *words, "--json"],
            env={
                **os.environ,
                "CARPORT_HOME": str(self.home),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            text=True,
            check=False,
        )
        said = f"carport {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == exit_code, said
        fields: dict[str, Any] = json.loads(done.stdout)
        return fields

    def locked(self) -> set[bool]:
        """Return what the simulated car's locks really are: {True} if all are locked."""
        signals = self.run("sim", "state")["signals"]
        return {value for path, value in signals.items() if path.endswith(".IsLocked")}
