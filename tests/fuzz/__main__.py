"""Hunts in each target, and says what came of it: `make fuzz`.

FUZZ_SECONDS is about how long that takes. Ends with 1 if an input broke a promise, or if a planted
bug was not found. With `--keep` the kept inputs become those that reach all that was reached.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from typing import Any

from tests.fuzz.targets import NAMES

HEAD = ("target", "executions", "per second", "lines", "branches", "crashes", "planted", "found")
ROW = "{:<8} {:>10} {:>10} {:>7} {:>8} {:>7} {:>7} {:>5}"
PLANT_ROW = "{:<62} {:>10}"


def main() -> int:
    """Hunt in one target after the other, and print two tables."""
    if find_spec("atheris") is None:
        print("make fuzz: atheris is not installed; it has wheels for Linux on x86_64 only")
        return 2
    # Half of the time is for the planted bugs, which end when they are found.
    seconds = max(1, int(os.environ.get("FUZZ_SECONDS", "60")) // (2 * len(NAMES)))
    planted: dict[str, Any] = {}
    troubles: list[str] = []
    print(ROW.format(*HEAD))
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            hunted = json.loads(run("hunt", name, str(seconds), folder, *sys.argv[1:]))
        lines, branches = run("cover", name).split()
        plants = hunted["planted"]
        row = (
            name,
            hunted["runs"],
            hunted["runs"] // seconds,
            f"{lines} %",
            f"{branches} %",
            len(hunted["found"]),
            len(plants),
            sum(bool(plant["found"]) for plant in plants.values()),
        )
        print(ROW.format(*row), flush=True)
        planted.update(plants)
        troubles += [f"{name}, with {found}:\n{hunted['log']}" for found in hunted["found"]]
    print("\n" + PLANT_ROW.format("planted bug", "executions"))
    for plant, hunted in planted.items():
        print(PLANT_ROW.format(plant, hunted["runs"] if hunted["found"] else "not found"))
        if not hunted["found"]:
            troubles.append(f"{plant}:\n{hunted['log']}")
    print("".join(f"\n{trouble}\n" for trouble in troubles), end="")
    return 1 if troubles else 0


def run(module: str, *arguments: str) -> str:
    """Run a module of this folder, and return what it prints."""
    command = [sys.executable, "-m", f"tests.fuzz.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
