"""The guide's own files make a profile, and it reads the recorded log as the guide says."""

import re
from pathlib import Path

import pytest

from carport.profile import compile_profile
from gateway.vehicle.state import VehicleState

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = (REPOSITORY / "docs" / "adding-a-car.md").read_text(encoding="utf-8")
LOG = REPOSITORY / "tests" / "logs" / "adding-a-car.log"
FILES = re.findall(r"^`my-car/(\S+)`:\n\n```\w*\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
LOCKED = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
OPEN = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
PARKED = "Vehicle.Powertrain.Transmission.IsParkLockEngaged"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-car"
    folder.mkdir()
    for name, text in FILES:
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_guide_shows_all_files() -> None:
    assert [name for name, _ in FILES] == ["my-car.dbc", "vss.json", "profile.toml"]


def test_the_log_says_what_the_guide_says(folder: Path) -> None:
    state = VehicleState(compile_profile(folder))
    seen: list[tuple[object, ...]] = []
    for line in LOG.read_text().splitlines():
        stamp, _, frame = line.split()
        arbitration_id, _, data = frame.partition("#")
        now_ms = round(float(stamp.strip("()")) * 1000)
        state.receive(0, int(arbitration_id, 16), False, bytes.fromhex(data), now_ms)
        told = tuple(state.value(state.leaf(path), now_ms) for path in (LOCKED, OPEN, PARKED))
        if None not in told and told not in seen:
            seen.append(told)
    assert seen == [(False, False, True), (True, False, True), (True, True, True)]


def test_the_frames_that_the_guide_shows_are_in_the_log() -> None:
    log = LOG.read_text().splitlines()
    shown = re.findall(r"^(\(17\S+\)) (?:can0 )?(\w{3}#\w+)$", GUIDE, re.MULTILINE)
    assert len(shown) == 6
    for stamp, frame in shown:
        assert f"{stamp} can0 {frame}" in log
