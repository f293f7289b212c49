"""Where the story plays: an emulator, its owner at the command line, a listener on the bus."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from math import nan
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any, Self

from carport.client import Client, System
from carport.demo.listener import Listener
from carport.demo.report import Report
from carport.emulator import DEFAULT_CAR
from carport.emulator.control import ask, find_control
from carport.emulator.process import EmulatorProcess
from carport.profile.installed import profile_folder

_CARPORT = (sys.executable, "-c", "from carport.cli import main; main()")
_COMMAND_TIMEOUT_S = 120.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class UnexpectedError(Exception):
    """A step did not go as it should."""

    def __init__(self, expected: str, happened: str) -> None:
        super().__init__(f"expected {expected}, but {happened}")
        self.expected = expected
        self.happened = happened


class Skipped(Exception):  # noqa: N818 - no error
    """A step cannot be shown on this machine; the message says why."""


def expect(condition: bool, expected: str, happened: str) -> None:
    """Raise UnexpectedError unless the condition holds."""
    if not condition:
        raise UnexpectedError(expected, happened)


class Stage:
    """All that the steps share; the end of the `with` ends what runs and removes its folder.

    CARPORT_HOME is a temporary folder from then on, so nothing of the user's own is touched. A
    signal ends the story when the command that runs has ended: its process would outlive us else.
    """

    emulator: EmulatorProcess
    listener: Listener

    def __init__(self, report: Report) -> None:
        self.report = report
        self.is_isolated = False
        self._signal: int | None = None
        self._transcript: list[str] = []
        self._parts = ExitStack()
        self._listening = ExitStack()

    def __enter__(self) -> Self:
        home = tempfile.TemporaryDirectory(prefix="carport-demo-", ignore_cleanup_errors=True)
        os.environ["CARPORT_HOME"] = self._parts.enter_context(home)
        os.environ.pop("CARPORT_GATEWAY", None)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._parts.close()

    def start(self) -> None:
        """Start the emulator, as a process of its own, and the listener."""
        self.report.command(("emulate", "--json"))
        self.emulator = self._parts.enter_context(EmulatorProcess())
        self.end_if_signalled()
        self._parts.enter_context(self._listening)
        (dbc,) = profile_folder(DEFAULT_CAR).glob("*.dbc")
        self.listener = self._listening.enter_context(Listener(self.emulator.can, dbc))

    def stop(self) -> int:
        """End the listener and the emulator; return its exit code."""
        self._listening.close()
        return self.emulator.stop()

    def carport(self, *words: str, exit_code: int = 0, is_told: bool = True) -> dict[str, Any]:
        """Run a command as its user would, with --json; return what it says.

        Raises:
            UnexpectedError: it ends with another exit code.
        """
        self.end_if_signalled()  # while nothing ran: nobody may be there to answer any more
        words = (*words, "--json")
        if is_told:
            self.report.command(words)
        done = subprocess.run(
            [*_CARPORT, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
        self.end_if_signalled()
        said = (done.stdout + done.stderr).strip()
        self._transcript.append(f"$ carport {' '.join(words)}\n{said}\n[{done.returncode}]\n")
        fields: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        expect(
            done.returncode == exit_code,
            f"exit code {exit_code}",
            f"it was {done.returncode}: {fields.get('error', said)}",
        )
        return fields

    def read(self, path: str, is_told: bool = False) -> float:
        """Return a signal as the gateway knows it, NaN if the car has not sent it yet."""
        value = self.carport("signals", path, is_told=is_told)[path]["value"]
        return nan if value is None else float(value)

    def wait_for(self, path: str, is_so: Callable[[float], bool], timeout_s: float) -> None:
        """Return once the gateway knows the signal to be so.

        Raises:
            UnexpectedError: it does not come to that in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while not is_so(value := self.read(path)):
            expect(time.monotonic() < deadline_s, f"{path} to change", f"it is still {value}")

    def car(self) -> dict[str, Any]:
        """Return the simulated car's own state, whatever it says on the bus."""
        signals: dict[str, Any] = ask(find_control(), {"do": "state"})["signals"]
        return signals

    def locked(self) -> set[bool]:
        """Return what the simulated car's locks are: {True} if all are locked."""
        return {value for path, value in self.car().items() if path.endswith(".IsLocked")}

    def system(self) -> System:
        """Return what the gateway says of itself."""

        async def ask_gateway() -> System:
            async with Client() as client:
                return await client.system()

        return asyncio.run(ask_gateway())

    def end_if_signalled(self) -> None:
        """End the story if a signal came.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: it was another.
        """
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self._signal is not None:
            sys.exit(128 + self._signal)

    def keep_logs(self, error: Exception) -> Path:
        """Write down what was said, for whoever looks for what went wrong; return the folder."""
        folder = Path(tempfile.mkdtemp(prefix="carport-demo-logs-"))
        (folder / "error.log").write_text("".join(format_exception(error)))
        (folder / "commands.log").write_text("\n".join(self._transcript))
        if hasattr(self, "emulator"):
            (folder / "emulator.log").write_text(self.emulator.read_log())
        return folder

    def _note_signal(self, number: int, frame: object) -> None:
        self._signal = number
