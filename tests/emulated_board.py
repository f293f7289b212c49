"""The emulator's board from outside: how often it started, its power cut, its flash chip."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carport.emulator.process import EmulatorProcess
from tests.waiting import wait_until

_WRITTEN_S = 0.6


@contextmanager
def emulated(home: Path, *words: str) -> Iterator[EmulatorProcess]:
    """Run `carport emulate` on free ports; nothing may fail in it unnoticed."""
    with EmulatorProcess(
        *("--coap-port", "0", "--can-port", "0", *words), environment={"CARPORT_HOME": str(home)}
    ) as running:
        yield running
        assert "Traceback" not in running.read_log()


def starts(emulator: EmulatorProcess) -> int:
    """Return how often the board has started."""
    return emulator.read_log().count("ready after")


def wait_for_start(emulator: EmulatorProcess, before: int) -> None:
    """Return when the board has started more often than before."""
    wait_until(lambda: starts(emulator) > before, emulator.read_log)


def vm_pid(emulator: EmulatorProcess) -> int:
    """Return the process id of the VM in which the firmware runs, or will in a moment."""
    search = ["pgrep", "-P", str(emulator.pid)]

    def found() -> bytes:
        return subprocess.run(search, capture_output=True, check=False).stdout

    return int(wait_until(found))


def cut_power(emulator: EmulatorProcess) -> None:
    """Cut the board's power in an instant; return when it serves again."""
    before = starts(emulator)
    os.kill(vm_pid(emulator), signal.SIGKILL)
    wait_for_start(emulator, before)


def flash(emulator: EmulatorProcess) -> bytes:
    """Return the flash chip's content, once what was done before has been written."""
    image = Path(emulator.state) / "flash.img"
    content = b""
    while (now := image.read_bytes()) != content:
        content = now
        time.sleep(_WRITTEN_S)
    return content
