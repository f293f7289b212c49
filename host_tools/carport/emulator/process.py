"""`carport emulate` as a process of its own, for the demo, tests and benches."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from carport.errors import CarportError

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 60.0
_COMMAND = (sys.executable, "-c", "from carport.cli import main; main()")


class EmulatorProcess:
    """An emulator that runs inside the `with`.

    Attributes, as `carport emulate --json` prints them: coap, serial, can, state. arguments are
    further options, environment replaces variables of this process's.
    """

    coap: str
    serial: str
    can: dict[str, Any]
    state: str

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            **(environment or {}),
        }

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*_COMMAND, "emulate", "--json", *self._arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        impatience = threading.Timer(_START_TIMEOUT_S, self._process.kill)
        impatience.start()
        line = self._process.stdout.readline()
        impatience.cancel()
        ready: dict[str, Any] = json.loads(line) if line else {"error": self.read_log()}
        if "error" in ready:
            self.__exit__(None, None, None)
            raise CarportError(f"the emulator does not start: {ready['error']}")
        self.coap = ready["coap"]
        self.serial = ready["serial"]
        self.can = ready["can"]
        self.state = ready["state"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._log.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def read_log(self) -> str:
        """Return what the board and the emulator have logged so far.

        Seeking would move the place where the emulator writes, for it has the same open file.
        """
        log = self._log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        self._process.send_signal(signal_number)
        try:
            code = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code
