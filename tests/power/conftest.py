"""What the tests of power cuts share."""

from collections.abc import Iterator

import pytest

from tests.vm import VM


@pytest.fixture
def machine(vm: VM) -> Iterator[VM]:
    """A VM of the test's own, which may be broken; skips where there is none."""
    with VM(heapsize="16m") as own:
        yield own
