"""What a frame costs from the MCP2515's interrupt to the car's state, in the VM."""

import tempfile
from pathlib import Path

from tests.bench import inputs
from tests.vm import run_script

ACCEPTED, REFUSED = "mcp2515_accepted", "mcp2515_refused"

_RUNS = 200
_HEAP = "4m"  # for the sources, the model of the chip among them
_SCRIPT = "import sys; from tests.bench.driver_in_vm import main; main(*sys.argv[1:])"


def measure(runs: int = _RUNS) -> dict[str, list[float]]:
    """Return the times in us of a frame that is accepted, and of one that the driver refuses."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inputs.cbor")
        path.write_bytes(inputs.for_the_vm())
        printed = run_script(_SCRIPT, heapsize=_HEAP, args=[str(path), str(runs)])
    times = {}
    for line in printed.splitlines():
        name, *samples = line.split()
        times[name] = [float(each) for each in samples]
    return times
