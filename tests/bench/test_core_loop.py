"""The command-handling loop in the core alone, on CPython: `make bench` measures, else runs it once."""

import os

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.aes import AES
from tests.bench import inputs
from tests.bench.core_loop import OPERATIONS, Rig

ROUNDS = 500


@pytest.mark.parametrize("name", OPERATIONS)
def test_core(benchmark: BenchmarkFixture, name: str) -> None:
    operation = OPERATIONS[name](Rig(inputs.profile(), inputs.frames(), AES, os.urandom))
    benchmark.extra_info["repeats"] = operation.repeats
    benchmark.pedantic(
        operation.run,
        setup=operation.prepare,
        teardown=operation.check,
        rounds=ROUNDS,
        warmup_rounds=8,
    )
