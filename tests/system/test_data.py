"""The car's data with the real firmware: what was on the bus is what its owner takes along."""

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import can
import pytest

from carport.emulator.process import EmulatorProcess
from tests.emulated_board import starts, wait_for_start
from tests.models.bus_log import BusLog, unit_of
from tests.system.command_line import CommandLine

GROUPS = ("driving", "climate", "charging", "location")
HEAD = ("time", "group", "block", "uptime_ms", "region")
TERMS = ("--purpose", "test", "--until", "2027-06-01", "--every", "1s", "--region", "DE")
CLOCKS_S = 2.5  # the board's time is told in whole seconds; a busy machine hears of a frame late


@contextmanager
def listening(emulator: EmulatorProcess) -> Iterator[BusLog]:
    """Log what is on the car's bus meanwhile, by unix seconds."""
    log = BusLog()
    place = emulator.can
    is_over = threading.Event()
    with can.Bus(
        interface=place["interface"],
        host=place["host"],
        port=place["port"],
        channel=place["channels"][0],
    ) as bus:

        def receive() -> None:
            while not is_over.is_set():
                message = bus.recv(0.1)
                if message is not None:
                    log.add(message.timestamp, message.arbitration_id, bytes(message.data))

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield log
        finally:
            is_over.set()
            thread.join()


def is_one_of(value: Any, told: list[Any]) -> bool:
    return any(value == pytest.approx(each, abs=1e-9) for each in told if each is not None)


def test_what_was_on_the_bus_is_exported_equal_in_value_and_unit(
    owner: CommandLine, emulator: EmulatorProcess, tmp_path: Path
) -> None:
    path = tmp_path / "drive.json"
    before = starts(emulator)
    owner.run("data", "consent", *GROUPS, *TERMS)
    wait_for_start(emulator, before)  # as after each first consent
    with listening(emulator) as log:
        owner.run("sim", "drive", "--kph", "50", "--seconds", "14")
        live = owner.lines("data", "live", "--count", "48", "--seconds", "20")
        owner.run("data", "consent", "--withdraw", *GROUPS)  # stores what was not stored yet

    told = owner.run("data", "export", "--format", "json", "-o", str(path))

    rows = json.loads(path.read_text())
    columns = json.loads(Path(told["metadata"]).read_text())["tableSchema"]["columns"]
    assert told["findings"] == []
    for column in columns[len(HEAD) :]:
        assert column.get("schema:unitText") == unit_of(column["name"])
    checked = 0
    for row in rows:
        at_s = datetime.fromisoformat(row["time"]).timestamp()
        for name, value in row.items():
            if name not in HEAD and value is not None:
                on_bus = log.between(name, at_s - CLOCKS_S, at_s + CLOCKS_S)
                assert is_one_of(value, on_bus), (name, value, on_bus)
                checked += 1
    assert checked > 150
    speeds = [row["Vehicle.Speed"] for row in rows if row["group"] == "driving"]
    assert max(speeds) > 20  # the rows may end before the car has reached its 50 km/h
    assert len(set(speeds)) > 5
    stored = {(row["group"], row["uptime_ms"]): row for row in rows}
    assert len(live) > 20
    for row in live:
        same = stored[row["group"], row["uptime_ms"]]
        assert {name: same[name] for name in row if name != "time"} == {
            name: value for name, value in row.items() if name != "time"
        }


def test_the_cable_exports_the_same(owner: CommandLine, tmp_path: Path) -> None:
    lan, cable = tmp_path / "lan.csv", tmp_path / "cable.csv"
    owner.run("data", "export", "-o", str(lan))
    assert owner.run("data", "erase", "--all", "--here", "--yes")["erased_here"] > 0

    told = owner.run("data", "export", "-o", str(cable), "--via", "serial")

    assert told["fetched_blocks"] > 0
    with lan.open(newline="") as first, cable.open(newline="") as second:
        assert list(csv.reader(first)) == list(csv.reader(second))


def test_the_ledger_tells_all_of_it_and_is_whole(owner: CommandLine) -> None:
    told = owner.run("data", "ledger")
    assert told["whole"] is True
    kinds = {entry["kind"] for entry in told["entries"]}
    assert {"settings", "key", "consent", "withdrawn", "export"} <= kinds


def test_erasing_leaves_nothing_to_export(owner: CommandLine) -> None:
    assert owner.run("data", "erase", "--all", "--yes")["complete"] is True
    assert owner.run("data", "status")["blocks"] == 0
    assert "nothing to export" in owner.run("data", "export", exit_code=2)["error"]
    assert owner.run("data", "ledger", "--verify")["whole"] is True


def test_an_owner_change_makes_it_a_new_board(
    owner: CommandLine, emulator: EmulatorProcess, tmp_path: Path
) -> None:
    owner.run("data", "consent", "driving", *TERMS)
    before = starts(emulator)
    assert owner.run("data", "erase", "--owner-change", "--yes")["erased"] == "owner-change"
    assert "no gateway is paired" in owner.run("data", "status", exit_code=2)["error"]

    wait_for_start(emulator, before)
    next_owner = CommandLine(tmp_path / "next")
    next_owner.run("pair", "--port", emulator.serial, "--name", "mine")
    told = next_owner.run("data", "consent")
    assert (told["grants"], told["region"], told["recording"]) == ({}, None, [])
