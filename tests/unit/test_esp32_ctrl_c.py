"""Ctrl-C on the port of a board that may be its cable, in the VM: SIGINT there asks the same.

Where MicroPython listens to it, it raises KeyboardInterrupt, and a board would be at the REPL;
where it does not, nothing but the signal itself ends the VM.
"""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.vm import REPOSITORY, find_micropython

pytestmark = pytest.mark.usefixtures("vm")

FIRMWARE = REPOSITORY / "firmware"
WAITING = """
import time
print("waiting")
time.sleep(60)
"""
START = """
import sys
class Stub:
    pass
def wait(*_):
    exec(WAITING, {})
sys.modules["esp"] = sys.modules["firmware.loader"] = stub = Stub()
sys.modules["firmware"] = Stub()
stub.LOG_NONE, stub.osdebug, stub.run = 0, wait, wait
"""
BOARD = """
import sys
repository = sys.argv[1]
sys.path[:] = [repository + "/tests/shims", repository]
from tests.shims import chip
chip.wire(0).level = LEVEL
from firmware.ports.esp32.board import Board
Board()
"""


def hears_ctrl_c(script: str, tmp_path: Path) -> bool:
    """Run a script until it waits, press Ctrl-C, and tell whether MicroPython heard that."""
    path = tmp_path / "script.py"
    path.write_text(script.replace("WAITING", repr(WAITING)))
    micropython = find_micropython()
    assert micropython is not None
    with subprocess.Popen(
        [micropython, str(path), str(REPOSITORY)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"waiting\n"
        vm.send_signal(signal.SIGINT)
        said, _ = vm.communicate(timeout=60)
    is_heard = b"KeyboardInterrupt" in said
    assert is_heard or vm.returncode == -signal.SIGINT
    return is_heard


@pytest.mark.parametrize("file", ["boot.py", "ports/esp32/main.py"])
def test_no_byte_ends_the_start(file: str, tmp_path: Path) -> None:
    source = (FIRMWARE / file).read_text()
    assert not hears_ctrl_c(START + source, tmp_path)


@pytest.mark.parametrize(("level", "is_heard"), [(0, True), (1, False)])
def test_who_holds_the_button_can_end_the_firmware(
    level: int, is_heard: bool, tmp_path: Path
) -> None:
    script = BOARD.replace("LEVEL", str(level)) + "exec(WAITING, {})\n"
    assert hears_ctrl_c(script, tmp_path) == is_heard
