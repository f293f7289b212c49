"""A build with a leak planted: a copy of the sources, and the environment that makes them used."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.attack.defence import Defence, take_out
from tests.audit.check import Build


@contextmanager
def planted(plant: Defence) -> Iterator[Build]:
    """Return the environment of a build with this leak.

    Raises:
        LookupError: the sources are not as the plant expects them.
    """
    with tempfile.TemporaryDirectory(prefix="carport-planted-") as folder:
        take_out([plant], Path(folder))
        path = os.pathsep.join([folder, *(each for each in sys.path if each)])
        yield {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
