"""The loader in the VM: which slot it starts, and what it does with those that must not run."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from carport.emulator.device_code import compile_for_boards
from carport.install.package import LOADER
from firmware.slots import CONFIRMED, DAMAGED, FACTORY, NAMES, TRIES, UNPROVEN, Slots
from gateway import package
from tests.models.packages import package_of, package_with
from tests.power.chip import BLOCK_BYTES, Chip, Partition
from tests.vm import REPOSITORY, find_micropython

BLOCKS, BOOT, SLOT_A, SLOT_B, SLOT_BLOCKS = 674, 512, 514, 594, 80
HEAP = "48k"  # the little that it needs with its code in it; on a chip half as much
UNIX_PORT = (
    "firmware/ports/unix/__init__",
    "firmware/ports/unix/flash",
    "firmware/ports/unix/slots",
)
MAIN = """
from gateway.const import MARK
def main(is_trial, slot):
    print("it is", MARK, is_trial)
"""


def firmware(mark: str, main: str = MAIN) -> dict[str, bytes]:
    """Return the files of a firmware that says which one it is."""
    return {
        "firmware/__init__.py": b"",
        "firmware/main.py": main.encode(),
        "gateway/__init__.py": b"",
        "gateway/const.py": f"MARK = {mark!r}\nconst = int\n".encode(),
    }


class Board:
    """A board whose flash is a file; what was flashed says that it is the factory's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "code"
        compiled = compile_for_boards(REPOSITORY)
        for name in (*LOADER, *UNIX_PORT):
            if "esp32" not in name:
                (self.code / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(compiled / f"{name}.mpy", self.code / f"{name}.mpy")
        (self.code / "firmware/main.py").write_text(MAIN)
        (self.code / "gateway/const.mpy").unlink()
        (self.code / "gateway/const.py").write_bytes(firmware("the factory")["gateway/const.py"])
        self.chip = Chip(BLOCKS)

    def put(self, slot: int, content: bytes) -> None:
        at = (SLOT_A, SLOT_B)[slot - 1] * BLOCK_BYTES
        self.chip.image[at : at + len(content)] = content

    def flip(self, slot: int, offset: int) -> None:
        self.chip.image[(SLOT_A, SLOT_B)[slot - 1] * BLOCK_BYTES + offset] ^= 1

    def slots(self) -> Slots:
        parts = [(BOOT, 2), (SLOT_A, SLOT_BLOCKS), (SLOT_B, SLOT_BLOCKS)]
        boot, a, b = (Partition(self.chip, *part) for part in parts)
        return Slots(boot, (a, b))

    def record(self, **fields: int) -> None:
        slots = self.slots()
        for name, value in fields.items():
            setattr(slots, name, value)
        slots.save()

    def boot(self, code: int = 0) -> str:
        """Start it, and return what it says."""
        flash = self.folder / "flash.img"
        flash.write_bytes(self.chip.image)
        micropython = find_micropython()
        assert micropython is not None
        start = f"from firmware.loader import run;run({str(flash)!r})"
        done = subprocess.run(
            [micropython, "-X", f"heapsize={HEAP}", "-c", start],
            env={**os.environ, "MICROPYPATH": f"{self.code}:.frozen"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        self.chip.image[:] = flash.read_bytes()
        return said


@pytest.fixture
def board(tmp_path: Path, vm: Any) -> Board:
    made = Board(tmp_path)
    made.put(1, package_with(firmware("a"), version="0.2.0"))
    made.put(2, package_with(firmware("b"), version="0.3.0"))
    return made


def test_without_a_record_what_was_flashed_runs(board: Board) -> None:
    assert board.boot() == "it is the factory False\n"


def test_the_active_slot_runs_with_modules_of_its_own(board: Board) -> None:
    board.record(active=2, previous=1)
    before = bytes(board.chip.image)
    assert re.fullmatch(
        r"loader: slot b runs: 0\.3\.0 \([0-9a-f]{8}\)\nit is b False\n", board.boot()
    )
    assert board.chip.image == before, "a start of a confirmed slot writes nothing"


def test_a_trial_has_two_starts_and_then_goes_back(board: Board) -> None:
    board.record(active=2, previous=1, tries=TRIES)
    for left in (1, 0):
        said = board.boot()
        assert said.startswith("fed\nloader: slot b runs: 0.3.0 ")
        assert said.endswith(", on trial\nit is b True\n")
        assert board.slots().tries == left
    assert "loader: slot b has not proven itself - back to a\n" in board.boot()
    slots = board.slots()
    assert (slots.active, slots.previous) == (1, FACTORY)
    assert (slots.tries, slots.outcome) == (CONFIRMED, UNPROVEN)
    assert board.boot().endswith("it is a False\n")


def test_a_trial_of_the_first_update_goes_back_to_the_factory(board: Board) -> None:
    board.record(active=1, tries=0)
    assert board.boot().endswith("it is the factory False\n")
    assert board.slots().active == FACTORY


@pytest.mark.parametrize("offset", [0, 4, 5, 30, 511, 512, 700])
def test_a_damaged_slot_never_runs(board: Board, offset: int) -> None:
    board.record(active=2, previous=1)
    board.flip(2, offset)
    said = board.boot()
    assert "loader: slot b is damaged - back to a\n" in said
    assert said.endswith("it is a False\n")
    assert (board.slots().active, board.slots().outcome) == (1, DAMAGED)


def test_with_both_damaged_what_was_flashed_runs(board: Board) -> None:
    board.record(active=2, previous=1, tries=1)
    board.flip(1, 600)
    board.flip(2, 600)
    assert board.boot().endswith("it is the factory False\n")
    assert board.slots().active == FACTORY


@pytest.mark.parametrize("size", [1, 512, SLOT_BLOCKS * BLOCK_BYTES, 1 << 30, (1 << 64) - 1])
def test_a_head_that_says_what_cannot_be_is_no_package(board: Board, size: int) -> None:
    board.record(active=2, previous=1)
    board.put(2, package_with(firmware("b"), size=size)[:1024])
    assert board.boot().endswith("it is a False\n")


def test_what_is_no_file_system_costs_only_its_slot(board: Board) -> None:
    junk = package.encode(
        {"version": "1.0.0", "board": "x", "size": 3, "sha256": SHA_OF_ABC, "mpy": 6}
    )
    board.put(2, junk + b"abc")
    board.record(active=2, previous=1)
    said = board.boot()
    assert "loader: slot b " in said
    assert said.endswith("it is a False\n")


@pytest.mark.parametrize(
    "record", [b"", bytes(9), b"\1\3\0\xff" + bytes(5), b"\2\1\0\xff" + bytes(5), bytes(100)]
)
def test_a_record_that_makes_no_sense_is_none(board: Board, record: bytes) -> None:
    board.slots()._store.save(record)
    assert board.boot() == "it is the factory False\n"


@pytest.mark.parametrize(
    "main",
    ["1 // 0", "import nothing_of_this_name", "def main(is_trial, slot):\n    1 // 0", "x ="],
)
def test_what_fails_at_once_starts_again_and_costs_a_try(board: Board, main: str) -> None:
    board.put(2, package_with(firmware("b", main)))
    board.record(active=2, previous=1, tries=TRIES)
    board.boot(code=1)
    board.boot(code=1)
    assert board.boot().endswith("it is a False\n")


def test_a_package_without_firmware_does_not_run_as_what_was_flashed(board: Board) -> None:
    board.put(2, package_with({"noise": bytes(900)}))
    board.record(active=2, previous=1, tries=TRIES)
    for _ in range(TRIES):
        assert "there is no firmware in the slot\n" in board.boot(code=1)
    assert board.boot().endswith("it is a False\n")


@pytest.fixture
def stock(board: Board) -> Board:
    """A board with a stock MicroPython, whose code is in its slots alone."""
    (board.code / "firmware/main.py").unlink()
    return board


@pytest.mark.parametrize("slot", [1, 2])
def test_without_a_record_a_stock_board_runs_what_is_whole(stock: Board, slot: int) -> None:
    stock.flip(3 - slot, 600)
    said = stock.boot()
    assert "loader: nothing says which slot is to run\n" in said
    assert said.endswith(f"it is {NAMES[slot]} False\n")
    slots = stock.slots()
    assert (slots.active, slots.previous, slots.tries) == (slot, FACTORY, CONFIRMED)
    assert "nothing says" not in stock.boot()
    stock.flip(slot, 600)
    assert stock.boot().endswith("loader: there is no firmware: run carport flash\n")


def test_without_a_record_neither_of_two_has_proven_itself(stock: Board) -> None:
    """One of them may have failed its trial: it is watched, and does not hang for ever."""
    for _ in range(TRIES):
        said = stock.boot()
        assert said.endswith("it is a True\n")
        assert "fed\nloader: slot a runs: " in said
    assert stock.boot().endswith("it is b False\n")
    assert (stock.slots().active, stock.slots().outcome) == (2, UNPROVEN)


def test_without_a_record_what_cannot_be_mounted_costs_the_other_nothing(stock: Board) -> None:
    stock.put(1, package_of(b"no file system"))
    assert stock.boot().endswith("it is b False\n")
    assert stock.boot().endswith("it is b False\n")


def test_a_trial_that_cannot_be_mounted_costs_the_one_before_nothing(stock: Board) -> None:
    stock.put(2, package_of(b"no file system"))
    stock.record(active=2, previous=1, tries=TRIES)
    assert stock.boot().endswith("it is a False\n")
    assert stock.boot().endswith("it is a False\n")
    assert (stock.slots().active, stock.slots().tries) == (1, CONFIRMED)


SHA_OF_ABC = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
