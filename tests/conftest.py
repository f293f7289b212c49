"""Fixtures that every test may use: the MicroPython VM, and calls in both interpreters."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm import VM, Both, find_micropython

IN_REAL_TIME = ("attack", "audit", "bench", "soak", "system")
"""Folders of tests that wait for real programs: one after the other, beside those that compute."""


def pytest_configure(config: pytest.Config) -> None:
    """Leave the processor to the worker that runs the tests in real time: the first one."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        os.nice(10)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests in real time on one worker."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in IN_REAL_TIME:
            item.add_marker(pytest.mark.xdist_group("in real time"))


@pytest.fixture(scope="session")
def vm() -> Iterator[VM]:
    """One MicroPython VM for the session; skips where there is none and none is required."""
    if find_micropython() is None:
        reason = "no `micropython` beside the interpreter or on PATH"
        if os.environ.get("CARPORT_REQUIRE_VM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with VM() as running:
        yield running


@pytest.fixture(scope="session")
def both(vm: VM) -> Both:
    """`both(module, function, *args)`: the outcome that CPython and MicroPython agree on."""
    return vm.both
