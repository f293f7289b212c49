"""What of a target's modules its kept inputs reach: `python -m tests.fuzz.cover TARGET`.

Prints two numbers: the percentage of the lines, and of the branches. In a process of its own, so
that the modules are measured from their import on.
"""

import json
import sys
import tempfile
from pathlib import Path

import coverage

from tests.fuzz import corpus, targets
from tests.fuzz.plant import REPOSITORY


def main(name: str) -> None:
    """Run the kept inputs, and print what they reach."""
    measured = coverage.Coverage(data_file=None, branch=True, source=["gateway"])
    measured.start()
    target = targets.load(name)
    for data in corpus.read(name):
        target.run(data)
    measured.stop()
    modules = [str(file) for module in target.MODULES for file in REPOSITORY.glob(module)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        measured.json_report(modules, outfile=str(report))
        totals = json.loads(report.read_text())["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"{lines:.0f} {branches:.0f}")


if __name__ == "__main__":
    main(sys.argv[1])
