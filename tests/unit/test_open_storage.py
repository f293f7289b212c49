"""What a start finds of the run before, after the button has erased everything."""

from pathlib import Path

import pytest

from tests.vm import run_script

SCRIPT = """
import sys
from firmware.crash_log import CrashLog
from firmware.key_partition import KeyPartition
from firmware.start import open_storage
from firmware.storage import Storage
from tests.power.chip import Chip, Partition

class Board:
    is_held = False

    def __init__(self, chip):
        self._chip = chip

    def is_button_held(self, duration_ms):
        return self.is_held

    def open_key_partition(self):
        return KeyPartition(Partition(self._chip, 0, 2))

    def mount(self):
        return sys.argv[1]

    def log(self, line):
        pass

board = Board(Chip(2))
storage = open_storage(board)
storage.save("root", b"the root")
storage.save("keys", b"sealed")
crashes = CrashLog()
crashes.open(storage, "watchdog")
print(crashes.count)
BEFORE
storage = open_storage(board)
crashes = CrashLog()
crashes.open(storage, "")
crashes.end_row()
print(crashes.last, storage.read_crash(), storage.load())
"""


@pytest.mark.parametrize(
    "before",
    ["board.is_held = True", "board.open_key_partition().save(b'')"],
    ids=["by the button", "by a wipe that was cut"],
)
def test_nothing_is_told_of_a_crash_before_everything_was_erased(
    tmp_path: Path, before: str
) -> None:
    script = SCRIPT.replace("BEFORE", before)
    assert run_script(script, heapsize="4m", args=(str(tmp_path),)).splitlines() == [
        "1",
        "None None {}",
    ]


def test_else_it_is(tmp_path: Path) -> None:
    script = SCRIPT.replace("BEFORE", "")
    told = run_script(script, heapsize="4m", args=(str(tmp_path),)).splitlines()[1]
    assert "'reason': 'watchdog'" in told
    assert "b'sealed'" in told
