"""A control: an attack in a process of its own, whose gateway lacks the defence.

`python -m tests.attack.control NAME` is that process; its module path begins with the folder of
the changed sources, and so does that of the emulator it starts.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.attack.attack import Attack, Outcome
from tests.attack.defence import take_out

_TIMEOUT_S = 120.0


def run_control(attack: Attack) -> Outcome:
    """Return what comes of the attack where its defence is taken out.

    Raises:
        AssertionError: the control did not come to an end.
    """
    with tempfile.TemporaryDirectory() as folder:
        take_out(attack.without, Path(folder))
        done = subprocess.run(
            [sys.executable, "-m", "tests.attack.control", attack.name],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([folder, *sys.path]),
                "PYTHONSAFEPATH": "1",
                "CARPORT_HOME": os.environ["CARPORT_HOME"],
            },
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    said = f"the control of {attack.name}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    fields = json.loads(done.stdout.splitlines()[-1])
    return Outcome(fields["tried"], fields["succeeded"])


def main(name: str) -> None:
    """Run the attack in this process, and print what came of it."""
    from tests.attack.stages import Stages
    from tests.attack.suite import ATTACKS

    (attack,) = [each for each in ATTACKS if each.name == name]
    with Stages() as stages:
        outcome = attack.run(stages.get(attack), True)
    print(json.dumps({"tried": outcome.tried, "succeeded": outcome.succeeded}))


if __name__ == "__main__":
    main(sys.argv[1])
