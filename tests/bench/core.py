"""The command-handling loop in the core alone, measured on both interpreters."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firmware.bench_loop import OPERATIONS
from tests.bench import inputs
from tests.bench.vm import bench_vm

VM_RUNS = 500

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Cost:
    """What one operation costs: times in us, and the bytes that it allocates in the VM."""

    cpython_us: list[float]
    vm_us: list[float]
    vm_bytes: int


def measure() -> dict[str, Cost]:
    """Return the cost of each operation."""
    in_cpython = _measure_in_cpython()
    costs = {}
    for line in run_in_vm(VM_RUNS).splitlines():
        name, used, *times = line.split()
        repeats = OPERATIONS[name].repeats
        vm_us = [int(each) / repeats for each in times]
        costs[name] = Cost(in_cpython[name], vm_us, int(used) // repeats)
    return costs


def run_in_vm(runs: int) -> str:
    """Return what core_in_vm.py prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inputs.cbor")
        path.write_bytes(inputs.for_the_vm())
        return bench_vm().run("tests.bench.core_in_vm", str(path), str(runs))


def _measure_in_cpython() -> dict[str, list[float]]:
    """Run the tests under pytest-benchmark, which shows its own table too."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--benchmark-only", "--benchmark-enable"),
                f"--benchmark-json={results}",
                _HERE / "test_core_loop.py",
            ],
            cwd=_HERE.parents[1],
            check=True,
        )
        benchmarks = json.loads(results.read_text())["benchmarks"]
    return {
        each["params"]["name"]: [
            seconds * 1e6 / each["extra_info"]["repeats"] for seconds in each["stats"]["data"]
        ]
        for each in benchmarks
    }
