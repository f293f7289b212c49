"""What recording a driven car takes of the board's flash: hours in the VM, time compressed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import cbor
from tests.bench import drive, inputs
from tests.bench.vm import bench_vm

KINDS = {"typical": (30, 12), "full": (1, 4)}  # an interval in s, and hours

_TIMEOUT_S = 120


@dataclass(frozen=True)
class Requests:
    """What requests took, in us: a status, and a lock until its frame, without storage."""

    status_us: list[int]
    lock_us: list[int]


@dataclass(frozen=True)
class Recorded:
    """A simulation: counts, and what some turns took. state: of the owner's context."""

    interval_s: int
    signals: int
    seconds: int
    rows: int
    bytes: int
    stores: int
    erases: int
    hottest: int
    rows_us: list[int]
    stores_us: list[int]
    state: list[Any]
    without: Requests
    recording: Requests


def measure(folder: Path, kind: str, image: Path) -> Recorded:
    """Simulate; `image` becomes the flash."""
    interval_s, hours = KINDS[kind]
    hour = folder / "hour"
    ids = drive.write(hour)
    path = folder / "inputs.cbor"
    path.write_bytes(cbor.encode([*cbor.decode(inputs.for_the_vm()), ids]))
    printed = bench_vm().run(
        "tests.bench.recording_in_vm",
        *(str(path), str(hour), str(image), str(interval_s), str(hours)),
        timeout_s=_TIMEOUT_S,
    )
    without, recording, counts, rows_us, stores_us, state = printed.splitlines()
    seconds, rows, size, stores, erases, hottest = map(int, counts.split())
    return Recorded(
        interval_s,
        sum(len(leaves) // 2 for leaves in inputs.profile()["groups"].values()),
        seconds,
        rows,
        size,
        stores,
        erases,
        hottest,
        list(map(int, rows_us.split())),
        list(map(int, stores_us.split())),
        cbor.decode(bytes.fromhex(state)),
        _requests(without),
        _requests(recording),
    )


def _requests(line: str) -> Requests:
    status_us, _, lock_us = line.partition("|")
    return Requests(list(map(int, status_us.split())), list(map(int, lock_us.split())))
