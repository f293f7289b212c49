"""What the figures were made on."""

import os
import platform
from pathlib import Path

from tests.bench.vm import bench_vm


def describe() -> dict[str, str]:
    """Return what this machine is, by what each line is called."""
    vm = bench_vm().vm
    version = ".".join(str(number) for number in vm.version)
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "VM": f"MicroPython {version}, 64 bits",
    }


def file_system(folder: Path) -> str:
    """Return the type of the file system that folder is on, "unknown" where nobody tells."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return "unknown"
    here = folder.resolve()
    found = "unknown"
    longest = -1
    for mount in mounts:
        _, point, kind, *_ = mount.split()
        if here.is_relative_to(point) and len(point) >= longest:
            longest = len(point)
            found = kind
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
