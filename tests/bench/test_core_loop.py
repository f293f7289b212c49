"""The command-handling loop in the core alone: measured by `make bench`, else run once."""

import os

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.aes import AES
from tests.bench import inputs
from tests.bench.core import run_in_vm
from tests.bench.core_loop import OPERATIONS, Rig
from tests.vm import VM

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
