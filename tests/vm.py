"""The real MicroPython VM as a test instrument: call the core's functions in it beside CPython.

`both("gateway.cbor", "encode", 1)` runs the function in this interpreter and in the VM and asserts
the same outcome. One VM lives for a whole test session, so that a call costs about 0.1 ms. Floats
cross without loss; see `tests/differential/values.py` for the types that do.
"""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.differential.values import dumps, loads

REPOSITORY = Path(__file__).resolve().parent.parent
AGENT = REPOSITORY / "tests" / "differential" / "agent.py"

_END_S = 60.0

Both = Callable[..., Any]


class VmError(Exception):
    """What a call in the VM raised there: `name` is the exception's class, as the VM names it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}" if text else name)
        self.name = name


def find_micropython() -> str | None:
    """Return the `micropython` beside this interpreter, else the one on PATH, else None."""
    beside = Path(sys.executable).parent / "micropython"
    return str(beside) if beside.is_file() else shutil.which("micropython")


class VM:
    """A MicroPython VM that runs the agent until it is closed.

    timeout_s bounds one call: a VM that does not answer is killed, and the call fails.
    """

    def __init__(self, heapsize: str = "64m", timeout_s: float = 100) -> None:
        self._timeout_s = timeout_s
        self._process = subprocess.Popen(
            _command(heapsize, AGENT),
            env=_environment(()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._deadline: float | None = None
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, module: str, function: str, *args: object) -> object:
        """Return what module.function(*args) returns in the VM.

        Raises:
            VmError: the function raised.
            AssertionError: the VM died, or did not answer in time.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        request = f"{module}\t{function}\t{dumps(args)}\n"
        self._deadline = time.monotonic() + self._timeout_s
        stdin.write(f"{len(request)}\n{request}".encode("ascii"))
        stdin.flush()
        line = stdout.readline().decode("ascii").rstrip("\n")
        self._deadline = None
        assert line[:1] in ("=", "!"), f"the VM answered {line!r} to {module}.{function}{args!r}"
        if line[0] == "=":
            return loads(line[1:])
        name, _, text = line[1:].partition("\t")
        raise VmError(name, str(loads(text)))

    def both(self, module: str, function: str, *args: object) -> Any:
        """Call in CPython and in the VM, assert the same outcome, and return or raise it.

        The outcome is the value with its types (a bool is no int here, a NaN equals itself), or
        the name of the exception's class; what is raised is CPython's exception.
        """
        function_here = reduce(getattr, function.split("."), importlib.import_module(module))
        here: object = None
        there: object = None
        error: Exception | None = None
        vm_error: VmError | None = None
        try:
            here = function_here(*args)  # type: ignore[operator]
        except Exception as caught:  # noqa: BLE001 - compared with the VM's
            error = caught
        try:
            there = self.call(module, function, *args)
        except VmError as caught:
            vm_error = caught
        if error is None and vm_error is None:
            assert dumps(there) == dumps(here), "MicroPython (left) and CPython (right) differ"
            return here
        if error is None or vm_error is None or vm_error.name != type(error).__name__:
            outcomes = f"MicroPython: {vm_error or there!r}, CPython: {error or here!r}"
            raise AssertionError(outcomes) from error
        raise error

    def close(self) -> None:
        """End the VM."""
        self._closed.set()
        self._process.communicate(timeout=_END_S)

    def _watch(self) -> None:
        """Kill the VM if a call takes too long: its answer is then the end of its output."""
        while not self._closed.wait(min(1, self._timeout_s)):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._process.kill()


def run_script(
    source_or_path: str | Path,
    heapsize: str = "222k",
    args: Sequence[str] = (),
    path: Sequence[str | Path] = (),
    timeout_s: float = 100,
) -> str:
    """Run a script in a VM of its own and return what it printed.

    source_or_path is Python source if a str, a file if a Path. path comes before the repository in
    the VM's sys.path. The heap is the one an ESP32 would have unless told otherwise.

    Raises:
        AssertionError: the script did not end with exit code 0; the text holds its output.
        subprocess.TimeoutExpired: it did not end within timeout_s.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        if isinstance(source_or_path, Path):
            script = source_or_path
        else:
            script.write_text(source_or_path, encoding="utf-8")
        done = subprocess.run(
            [*_command(heapsize, script), *args],
            env=_environment(path),
            capture_output=True,
            timeout=timeout_s,
            text=True,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def _command(heapsize: str, script: Path) -> list[str]:
    micropython = find_micropython()
    assert micropython is not None, "no micropython beside the interpreter or on PATH"
    return [micropython, "-X", f"heapsize={heapsize}", str(script)]


def _environment(path: Sequence[str | Path]) -> dict[str, str]:
    roots = [*map(str, path), str(REPOSITORY), ".frozen"]
    return {**os.environ, "MICROPYPATH": os.pathsep.join(roots)}
