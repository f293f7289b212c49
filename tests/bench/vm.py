"""A VM that runs a bench's script with the firmware's code and heap as the emulator has them."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen

from carport.emulator.device_code import compile_device_code
from carport.emulator.firmware_process import HEAP_BYTES
from carport.emulator.rom_image import flash_bytes, rom_image
from carport.emulator.vm import MicroPython, find_micropython

_REPOSITORY = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 500

# As in carport.emulator.firmware_process, but for the module that is run.
_BOOT = (
    "import sys,vfs;f=open({image!r},'rb');r=bytearray({size});f.readinto(r);f.close();"
    "vfs.mount(vfs.VfsRom(r),'/rom');sys.path[0]={repository!r};sys.path.insert(0,'/rom');"
    "from {module} import main;main(*{arguments!r})"
)


@dataclass(frozen=True)
class BenchVm:
    """The interpreter, and the firmware compiled for it."""

    vm: MicroPython
    image: Path

    @property
    def image_bytes(self) -> int:
        """How much of the heap the code takes, that a board has in flash."""
        return self.image.stat().st_size

    def start(
        self, module: str, *arguments: str, stdout: int = PIPE, more_bytes: int = 0
    ) -> "Popen[str]":
        """Run a module's main(); more_bytes: of heap, for what a board does not have."""
        boot = _BOOT.format(
            image=str(self.image),
            size=self.image_bytes,
            repository=str(_REPOSITORY),
            module=module,
            arguments=arguments,
        )
        return Popen(
            [
                self.vm.executable,
                "-X",
                f"heapsize={HEAP_BYTES + flash_bytes(self.image) + more_bytes}",
                "-c",
                boot,
            ],
            env={**os.environ, "MICROPYPATH": ".frozen"},
            stdin=PIPE,
            stdout=stdout,
            text=True,
        )

    def run(self, module: str, *arguments: str, timeout_s: float = _TIMEOUT_S) -> str:
        """Return what a module's main() prints."""
        with self.start(module, *arguments) as process:
            printed, _ = process.communicate(timeout=timeout_s)
        assert process.returncode == 0, printed
        return printed


@cache
def bench_vm() -> BenchVm:
    """Return the VM of this machine."""
    vm = find_micropython()
    return BenchVm(vm, rom_image(compile_device_code(vm)))
