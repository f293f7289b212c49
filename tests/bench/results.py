"""All that `make bench` measures."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import (
    boot,
    core,
    driver,
    export,
    floor,
    frame_load,
    lock_to_confirmed,
    loopback,
    machine,
    recording,
    sizes,
    spi,
    updating,
)
from tests.bench.board import Board

MEMORY_FOLDER = Path("/dev/shm")  # where Linux has a file system in memory

_REQUEST_ROUNDS = 400
_LOCK_ROUNDS = 100
_FORCED_ROUNDS = 10
_PAUSE_FRAMES = 24  # of each message, so that the runner has looked at the heap
_CONFIRMED_ROUNDS = 10
_BOOTS = 10
_SYNCS = 200


@dataclass(frozen=True)
class LocksOn:
    """Locks of a board whose flash is an image on this file system, and what one fsync costs."""

    file_system: str
    times: loopback.LockTimes
    sync_us: list[float]


@dataclass(frozen=True)
class Memory:
    """What the heap of a board held after its boot and after the load, and what locks allocate.

    collections_us: what one takes. watched: of each lock from its datagram to its frame (bytes,
    was there a collection).
    """

    boot_bytes: int
    load_bytes: int
    load_requests: int
    collections_us: list[float]
    watched: list[tuple[int, bool]]
    forced: list[bool]


@dataclass(frozen=True)
class Results:
    """Everything."""

    machine: dict[str, str]
    core: dict[str, core.Cost]
    floor: floor.Floor
    requests: loopback.Times
    locks: list[LocksOn]
    memory: Memory
    confirmed: dict[str, lock_to_confirmed.Locks]
    boots: boot.Boots
    driver: dict[str, list[float]]
    spi: dict[str, spi.Cost]
    loads: list[frame_load.Load]
    recorded: dict[str, recording.Recorded]
    export: export.Export
    recorded_on: str
    sizes: sizes.Sizes
    updating: updating.Updating


def measure() -> Results:
    """Measure everything, one thing after the other."""
    costs = core.measure()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requests, locks, memory = _measure_board(folder)
    all_locks = [locks]
    if MEMORY_FOLDER.is_dir():
        with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER) as name, Board(Path(name)) as board:
            all_locks.append(_measure_locks(board, Path(name)))
    with tempfile.TemporaryDirectory() as name:
        confirmed = lock_to_confirmed.measure(Path(name), _CONFIRMED_ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        boots = boot.measure(Path(name), _BOOTS)
    with tempfile.TemporaryDirectory() as name:
        recorded, exported = _measure_data(Path(name))
        recorded_on = machine.file_system(Path(name))
    with tempfile.TemporaryDirectory() as name:
        updated = updating.measure(Path(name))
    return Results(
        machine.describe(),
        costs,
        floor.measure(_REQUEST_ROUNDS),
        requests,
        all_locks,
        memory,
        confirmed,
        boots,
        driver.measure(),
        spi.count(),
        frame_load.measure(),
        recorded,
        exported,
        recorded_on,
        sizes.measure(),
        updated,
    )


def _measure_board(folder: Path) -> tuple[loopback.Times, LocksOn, Memory]:
    """Return what one board is asked for: requests, then locks; and its memory meanwhile."""
    with Board(folder) as board:
        boot_bytes = int(board.ask_probe(b"heap"))
        with loopback.one_cpu(board.pid):
            requests = loopback.measure_requests(board, _REQUEST_ROUNDS)
        locks = _measure_locks(board, folder)
        watched = loopback.watch_locks(board, _LOCK_ROUNDS, _PAUSE_FRAMES)
        forced = loopback.watch_locks(board, _FORCED_ROUNDS, 1, b"force")
        collections_us = loopback.collections_us(board, _FORCED_ROUNDS)
        load_bytes = int(board.ask_probe(b"heap"))
    memory = Memory(
        boot_bytes,
        load_bytes,
        3 * _REQUEST_ROUNDS + 2 * _LOCK_ROUNDS + _FORCED_ROUNDS,
        collections_us,
        [(noted.used_bytes, noted.is_collected) for noted in watched],
        [noted.is_collected for noted in forced],
    )
    return requests, locks, memory


def _measure_data(folder: Path) -> tuple[dict[str, recording.Recorded], export.Export]:
    """Return what recording takes, and how fast the last of it leaves the board."""
    image = folder / "flash.img"
    recorded = {}
    for kind in recording.KINDS:
        image.unlink(missing_ok=True)
        recorded[kind] = recording.measure(folder, kind, image)
    return recorded, export.measure(folder, recorded["full"].state)


def _measure_locks(board: Board, folder: Path) -> LocksOn:
    with loopback.one_cpu(board.pid):
        times = loopback.measure_locks(board, _LOCK_ROUNDS)
    return LocksOn(machine.file_system(folder), times, loopback.sync_us(folder, _SYNCS))
