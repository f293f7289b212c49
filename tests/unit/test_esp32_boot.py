"""A board's whole start in the VM on the shims: boot.py, main.py, the loader, a slot, the loop.

The files are those that `carport flash` writes, and the package is what it puts into slot a; this
repository's own firmware cannot be imported here.
"""

import json
from pathlib import Path

import pytest

from carport.hardware import board_named
from carport.install.boot_record import RECORD_BYTES, slot_a_runs
from carport.install.package import build_package, loader_files
from firmware.bench_loop import OPERATIONS
from tests.bench import inputs
from tests.vm import REPOSITORY, run_script

BOARD = "devkit-mcp2515"
SHIMS = REPOSITORY / "tests" / "shims"

START = """
import json, sys, vfs

class Sys:  # the VM's, on another platform
    platform = "esp32"

    def __getattr__(self, name):
        return getattr(real, name)

real = sys
vfs.mount(vfs.VfsPosix(sys.argv[1]), "/host")
vfs.mount(vfs.VfsPosix(sys.argv[2]), "/t/tests")
vfs.umount("/")
sys.path[:] = ["", ".frozen", "/lib", "/t/tests/shims", "/t"]
sys.modules["sys"] = Sys()

def read(path):
    with open("/host/" + path, "rb") as file:
        return file.read()

# chip.py has but this of ours: it is a test's, and so it is not the board's.
class Const:
    const = staticmethod(lambda value: value)

sys.modules["gateway"] = sys.modules["gateway.const"] = Const
from tests.shims import chip
from tests.models.mcp2515 import Chip
import esp32
sys.modules.pop("gateway")
sys.modules.pop("gateway.const")

for label, blocks in (("vfs", 64), ("carport_keys", 2), ("carport_boot", 2),
        ("carport_a", 80), ("carport_b", 80)):
    chip.add_partition(label, blocks)
for label in ("carport_boot", "carport_a"):
    content = read(label)
    chip.partitions[label][: len(content)] = content
files = esp32.Partition("vfs")
vfs.VfsLfs2.mkfs(files)
vfs.mount(files, "/")

import os
for path in json.loads(read("files.json")):
    folder = ""
    for part in path.split("/")[1:-1]:
        folder += "/" + part
        try:
            os.mkdir(folder)
        except OSError:
            pass
    with open(path, "wb") as file:
        file.write(read("files" + path))
hardware = json.loads(read("board.json"))
for wiring in hardware["can"]:
    chip.connect_mcp2515(Chip(), wiring["cs"], wiring["interrupt"])

def run():
    for name in ("/boot.py", "/main.py"):
        with open(name) as file:
            exec(file.read(), {"__name__": "__main__"})

def lit(level):  # its first turn is over: the power goes
    if level:
        raise chip.Reset

chip.wire(hardware["led"]).on_change = lit
"""

RUN = """
try:
    run()
    print("the REPL")
except chip.Reset:
    print("reset")
    for name in ("loader", "runner", "led", "ports.esp32.board", "drivers.mcp2515"):
        module = sys.modules.get("firmware." + name)
        print(name, module and module.__file__)
"""


@pytest.fixture(scope="module")
def package() -> bytes:
    return build_package(BOARD, "reference")


BENCH = """
with open("/bench.cbor", "wb") as file:
    file.write(read("bench.cbor"))
exec(read("bench.py"), {"__name__": "__main__"})
print(sys.modules["gateway.core"].__file__)
"""


def start(folder: Path, slot_a: bytes, record: bytes, script: str = RUN) -> list[str]:
    """Return what a board prints that was flashed so."""
    files = loader_files()
    for path, content in files.items():
        target = folder / f"files{path}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (folder / "files.json").write_text(json.dumps(sorted(files)))
    (folder / "board.json").write_text(json.dumps(board_named(BOARD).settings(1)))
    (folder / "carport_a").write_bytes(slot_a)
    (folder / "carport_boot").write_bytes(record)
    arguments = (str(folder), str(REPOSITORY / "tests"))
    return run_script(START + script, heapsize="6m", args=arguments).splitlines()


def test_the_firmware_in_a_slot_runs_and_all_of_it_comes_from_there(
    package: bytes, tmp_path: Path
) -> None:
    lines = start(tmp_path, package, slot_a_runs())
    assert lines[0].startswith("loader: slot a runs: 0.1.0 ("), lines
    assert lines[1] == "reset", lines
    modules = dict(line.split(" ") for line in lines[2:])
    assert modules.pop("loader") == "None"  # it has forgotten itself: RAM
    assert modules == {
        name: f"/slot/firmware/{name.replace('.', '/')}.mpy"
        for name in ("runner", "led", "ports.esp32.board", "drivers.mcp2515")
    }


def test_a_damaged_slot_does_not_run(package: bytes, tmp_path: Path) -> None:
    damaged = bytearray(package)
    damaged[5000] ^= 1
    lines = start(tmp_path, bytes(damaged), slot_a_runs())
    assert lines[0] == "loader: slot a is damaged - back to factory"
    assert "run carport flash" in " ".join(lines)
    assert lines[-1] == "the REPL"


def test_a_board_without_a_package_ends_in_the_repl(tmp_path: Path) -> None:
    lines = start(tmp_path, b"", b"\xff" * RECORD_BYTES)
    assert "run carport flash" in " ".join(lines)
    assert lines[-1] == "the REPL"


def test_the_benchmark_measures_what_is_in_the_slot(package: bytes, tmp_path: Path) -> None:
    (tmp_path / "bench.cbor").write_bytes(inputs.for_the_vm())
    (tmp_path / "bench.py").write_bytes((REPOSITORY / "firmware" / "bench.py").read_bytes())
    lines = start(tmp_path, package, slot_a_runs(), BENCH)
    assert lines[0].startswith("MicroPython 1.")
    assert len([line for line in lines if line.startswith("|")]) == 2 + len(OPERATIONS)
    assert lines[-1] == "/slot/gateway/core.mpy"
