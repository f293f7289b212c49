"""Fixtures that every test may use: the MicroPython VM, and calls in both interpreters."""

import os
from collections.abc import Iterator

import pytest

from tests.vm import VM, Both, find_micropython


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
