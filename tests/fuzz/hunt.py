"""The hunts of one target, in a process of their own.

    python -m tests.fuzz.hunt TARGET SECONDS FOLDER [--keep]

The gateway is imported once, instrumented. Each hunt is then a fork, for libFuzzer ends the
process that it runs in: first from the kept inputs and without any planted bug, then for each
planted bug from the seeds alone. What came of them is printed as one JSON object.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import atheris

from tests.fuzz import corpus, targets
from tests.fuzz.plant import Plant, noticed_by, put
from tests.fuzz.plants import plants_of
from tests.fuzz.reach import fewest

SEED = 1
PLANT_SECONDS = 60  # at most: most are found in one
MAX_BYTES = 600
TIMEOUT_S = 10  # of one input


@dataclass
class Hunt:
    """What came of a hunt.

    Attributes:
        runs: how many inputs were run.
        found: the inputs that broke a promise.
        inputs: those that it began with, and those that reached something new.
        log: what libFuzzer printed last.
    """

    runs: int
    found: list[bytes]
    inputs: list[bytes]
    log: str

    def as_json(self) -> dict[str, Any]:
        return {"runs": self.runs, "found": [data.hex() for data in self.found], "log": self.log}


def main(name: str, seconds: int, folder: Path, is_keeping: bool) -> None:
    """Hunt in a folder, and print what came of it."""
    with atheris.instrument_imports(include=["gateway"]):
        target = targets.load(name)
        seeds = target.seeds()
    hunted = hunt(target, folder / "hunt", [*seeds, *corpus.read(name)], seconds)
    planted = {
        plant: hunt(target, folder / str(i), seeds, PLANT_SECONDS, plant)
        for i, plant in enumerate(plants_of(name))
    }
    if is_keeping:
        kept = fewest(target.run, hunted.inputs)
        for plant, one in planted.items():
            if noticed_by(plant, kept) is None:
                kept += one.found
        corpus.write(name, kept)
    plants = {str(plant): one.as_json() for plant, one in planted.items()}
    print(json.dumps({**hunted.as_json(), "planted": plants}))


def hunt(
    target: targets.Target,
    folder: Path,
    inputs: Iterable[bytes],
    seconds: int,
    plant: Plant | None = None,
) -> Hunt:
    """Hunt from inputs on, until an input breaks a promise or the time is over."""
    start = folder / "inputs"
    write(start, inputs)
    arguments = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        f"-timeout={TIMEOUT_S}",
        f"-seed={SEED}",
        f"-artifact_prefix={folder}/found-",
        "-print_final_stats=1",
        str(start),
    ]
    log = folder / "log"
    pid = os.fork()
    if pid == 0:
        fuzz(target, log, plant, arguments)
    os.waitpid(pid, 0)
    text = log.read_text(errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", text)
    told = text[text.find("=== Uncaught") :] if "=== Uncaught" in text else text[-1000:]
    return Hunt(int(runs[1]) if runs else 0, read(folder, "found-*"), read(start, "*"), told)


def fuzz(target: targets.Target, log: Path, plant: Plant | None, arguments: list[str]) -> NoReturn:
    """Become libFuzzer, which prints into a file."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for function, _ in put(plant) if plant else ():
        atheris.instrument_func(function)
    atheris.Setup(["hunt", *arguments], target.run)
    atheris.Fuzz()
    raise SystemExit("libFuzzer came back")


def write(folder: Path, inputs: Iterable[bytes]) -> None:
    """Write each input to a file."""
    folder.mkdir(parents=True)
    for i, data in enumerate(inputs):
        (folder / f"{i:04}").write_bytes(data)


def read(folder: Path, pattern: str) -> list[bytes]:
    """Return what the files hold, in the order of their names."""
    return [file.read_bytes() for file in sorted(folder.glob(pattern))]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), "--keep" in sys.argv)
