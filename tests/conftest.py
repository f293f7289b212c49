"""Fixtures that every test may use, who runs what, and which examples hypothesis makes."""

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadScopeScheduling

from tests.patience import disturb_nobody
from tests.vm import VM, Both, find_micropython

IN_REAL_TIME = ("attack", "audit", "bench", "soak", "system")
"""Folders of tests that wait for real programs: one after the other, beside those that compute."""

# A suite that passes once passes always: the same examples and the same random bytes each time,
# however slow the machine is. `--hypothesis-profile=search` makes others.
settings.register_profile(
    "search", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("same", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile("same")


def _is_the_same(config: pytest.Config) -> bool:
    return config.getoption("hypothesis_profile") in (None, "same")


def pytest_configure(config: pytest.Config) -> None:
    """Let examples not hang on which of our modules were imported before: constants from them."""
    if _is_the_same(config):
        providers._get_local_constants = lambda: providers._local_constants


def _is_in_real_time(nodeid: str) -> bool:
    return nodeid.split("/")[1] in IN_REAL_TIME


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Gives xdist's workers whole files, and those in real time to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "in real time" if _is_in_real_time(nodeid) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Say which worker runs what: in the order of collection, not the largest first."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what runs in real time first: its worker must not be a niced one."""
    items.sort(key=lambda item: not _is_in_real_time(item.nodeid))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the processor to the worker that runs the tests in real time."""
    if "PYTEST_XDIST_WORKER" in os.environ and not _is_in_real_time(item.nodeid):
        os.nice(19)  # the most there is; once more changes nothing


@pytest.fixture(autouse=True)
def _random_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what computes in this process the same random bytes each time, each test its own."""
    nodeid = request.node.nodeid
    if _is_the_same(request.config) and not _is_in_real_time(nodeid):
        monkeypatch.setattr(os, "urandom", Random(nodeid).randbytes)


@pytest.fixture(autouse=True)
def _group_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for lost gateways where none is: an emulator of the other worker's would count it."""
    disturb_nobody(monkeypatch.setattr)


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
