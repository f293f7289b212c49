"""`carport demo`: all of it once, a step that is not as expected, and an end before its time.

Each runs as a process of its own, for it leaves the network, with a temporary folder of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from carport.demo.story import STORY
from tests.waiting import PATIENCE_S

MARK = "CARPORT_DEMO_TEST"

DEMO = "import sys; from carport.cli import main; main(['demo', '--json'])"

# The car gets a fault that the story knows nothing of, on a machine that allows no namespace.
BROKEN_DEMO = """
import sys
from carport.demo import story
from carport.demo.tell import tell

def break_a_lock(stage):
    stage.carport("sim", "fault", "stuck-lock")

story.isolate = lambda: "this machine is a test"
steps = [*story.STORY[:3], ("What nobody planned", break_a_lock), *story.STORY[3:]]
sys.exit(0 if tell(as_json=False, story=tuple(steps)) else 1)
"""

# A terminal sends Ctrl-C to the emulator too, and a step needs that before it knows of the signal.
INTERRUPTED_DEMO = """
import os, signal
from carport.cli import main
from carport.demo import story
from tests.waiting import wait_until

os.setpgrp()
signal.signal(signal.SIGINT, signal.default_int_handler)

def press_ctrl_c(stage):
    os.killpg(0, signal.SIGINT)
    wait_until(lambda: not os.path.exists(stage.emulator.state))
    stage.car()

start = ("A gateway and its car", lambda stage: stage.start())
story.STORY = (start, ("Ctrl-C", press_ctrl_c))
main(['demo', '--json'])
"""


@dataclass
class World:
    """What the demo finds around it, and should leave as it was; all its processes are marked."""

    temporary: Path
    home: Path
    mark: str

    def start(self, code: str) -> subprocess.Popen[str]:
        """Start Python with this code."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CARPORT_", "XDG_"))
        }
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env={
                **inherited,
                "HOME": str(self.home),
                "TMPDIR": str(self.temporary),
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYTHONIOENCODING": "ascii",
                MARK: self.mark,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str) -> tuple[int, str]:
        """Run Python with this code; return its exit code and what it printed."""
        with self.start(code) as process:
            output, errors = process.communicate(timeout=PATIENCE_S)
        assert errors == ""
        return process.returncode, output

    def left_behind(self) -> list[str]:
        """Return the files and processes that are left."""
        files = [str(path) for folder in (self.temporary, self.home) for path in folder.iterdir()]
        return files + [
            path.parent.name
            for path in Path("/proc").glob("[0-9]*/environ")
            if self._is_ours(path)
        ]

    def _is_ours(self, environment: Path) -> bool:
        try:
            return f"{MARK}={self.mark}".encode() in environment.read_bytes()
        except OSError:  # somebody else's, or it has ended
            return False


@pytest.fixture
def world(needs_vm: None, tmp_path: Path) -> World:
    """A world with nothing in it."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    return World(tmp_path / "tmp", tmp_path / "home", uuid4().hex)


def test_every_step_is_as_expected_and_nothing_is_left(world: World) -> None:
    isolation = "from carport.demo.network import isolate; print(isolate())"
    can_isolate = world.run(isolation) == (0, "None\n")

    exit_code, output = world.run(DEMO)

    steps = [json.loads(line) for line in output.splitlines()]
    outcomes = {step["title"]: step["outcome"] for step in steps}
    first, *rest = [title for title, _ in STORY]
    assert outcomes == {first: "ok" if can_isolate else "SKIPPED"} | dict.fromkeys(rest, "ok")
    assert exit_code == 0
    assert world.left_behind() == []


def test_a_step_that_is_not_as_expected_ends_it_with_the_logs(world: World) -> None:
    exit_code, output = world.run(BROKEN_DEMO)

    assert exit_code == 1
    told = " ".join(output.split())
    assert "reason: this machine is a test" in told
    failure = re.search(
        r"\$ carport lock --via lan --json expected: exit code 0 "
        r"happened: it was 6: lock is unconfirmed \(.*\): .* logs: (\S+) FAILED, \d+\.\d s$",
        told,
    )
    assert failure, output
    folder = Path(failure[1])
    assert world.left_behind() == [str(folder)]
    assert "lock 1 unconfirmed" in (folder / "emulator.log").read_text()
    assert '"state": "unconfirmed"' in (folder / "commands.log").read_text()


def test_an_early_end_leaves_nothing(world: World) -> None:
    with world.start(DEMO) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["step"] == 3:
                break
        assert world.left_behind() != []
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert world.left_behind() == []


def test_ctrl_c_leaves_nothing_and_says_so(world: World) -> None:
    with world.start(INTERRUPTED_DEMO) as process:
        output, errors = process.communicate(timeout=PATIENCE_S)

    told = [json.loads(line) for line in output.splitlines()]
    assert [each.get("outcome") for each in told] == ["ok", None]
    assert told[-1] == {"error": "interrupted", "exit_code": 130}
    assert (process.returncode, errors) == (130, "\n")  # as a terminal shows ^C before it
    assert world.left_behind() == []
