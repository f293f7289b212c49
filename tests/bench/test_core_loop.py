"""The command-handling loop in the core alone: measured by `make bench`, else run once."""

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from firmware.bench_loop import OPERATIONS, Rig
from tests.aes import AES
from tests.bench import inputs
from tests.bench.core import run_in_vm
from tests.vm import VM, run_script

ROUNDS = 500


@pytest.mark.parametrize("name", OPERATIONS)
def test_core(benchmark: BenchmarkFixture, name: str) -> None:
    operation = OPERATIONS[name](Rig(inputs.profile(), inputs.frames(), AES, os.urandom))
    benchmark.extra_info["repeats"] = operation.repeats
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        operation.run,
        setup=operation.prepare,
        teardown=operation.check,
        rounds=ROUNDS,
        warmup_rounds=8,
    )


def test_the_vm_measures_the_same_and_receiving_allocates_nothing(vm: VM) -> None:
    measured = {line.split()[0]: line.split()[1:] for line in run_in_vm(1).splitlines()}
    assert set(measured) == set(OPERATIONS)
    for name, (used, _) in measured.items():
        assert (int(used) == 0) == name.startswith("frame_"), name


def test_a_board_prints_a_table_of_all_of_them(vm: VM, tmp_path: Path) -> None:
    path = tmp_path / "bench.cbor"
    path.write_bytes(inputs.for_the_vm())
    script = f"from firmware.bench import main\nmain({str(path)!r}, 2)\n"
    lines = run_script(script, heapsize="1m").splitlines()
    assert lines[0].startswith("MicroPython 1.")
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
    assert [row[0] for row in rows] == [each.title for each in OPERATIONS.values()]
    assert all(int(median) <= int(late) for _, median, late, _ in rows)
    assert [int(used) == 0 for *_, used in rows] == [
        name.startswith("frame_") for name in OPERATIONS
    ]
