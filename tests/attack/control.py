"""An attack in a process of its own, on a gateway that lacks some defences.

`python -m tests.attack.control NAME` is that process; its module path begins with the folder of
the changed sources, and so does that of the emulator it starts.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.attack.attack import Attack, Outcome
from tests.attack.defence import Defence, take_out

_TIMEOUT_S = 120.0


def run_control(attack: Attack) -> Outcome:
    """Return what comes of an attack, with fewer tries, where its defence is taken out."""
    return run_without(attack, attack.alone + attack.without, is_quick=True)


def run_without(attack: Attack, defences: tuple[Defence, ...], is_quick: bool) -> Outcome:
    """Return what comes of an attack where some defences are taken out.

    Raises:
        AssertionError: it did not come to an end.
    """
    with tempfile.TemporaryDirectory() as folder:
        take_out(defences, Path(folder))
        done = subprocess.run(
            [sys.executable, "-m", "tests.attack.control", attack.name, *(["quick"] * is_quick)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([folder, *sys.path]),
                "PYTHONSAFEPATH": "1",
            },
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    said = f"{attack.name}, without a defence: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    fields = json.loads(done.stdout.splitlines()[-1])
    return Outcome(**{**fields, "stopped_by": Counter(fields["stopped_by"])})


def main(name: str, is_quick: bool) -> None:
    """Run the attack in this process, and print what came of it."""
    from tests.attack.suite import ATTACKS, run

    (attack,) = [each for each in ATTACKS if each.name == name]
    print(json.dumps(vars(run(attack, is_quick))))


if __name__ == "__main__":
    main(sys.argv[1], "quick" in sys.argv[2:])
