"""`carport data export`: complete, exact, resumable, and only what may be."""

import csv
import json
import stat
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from carport.data.holdings import open_holdings
from carport.paths import data_dir
from tests.models.bus_log import BusLog, unit_of
from tests.models.car import Car
from tests.models.records import Chain, named, open_block
from tests.unit.data.conftest import LAST_DAY, NAME, Owner

GROUPS = ("driving", "climate", "charging", "location")
SPEED = "Vehicle.Speed"
HEAD = ("time", "group", "block", "uptime_ms", "region")


def read_csv(path: str | Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def whole(payload: Any) -> bytes:
    """Return a payload that the core may keep in pieces."""
    return b"".join(bytes(piece) for piece in payload)


def drive_logged(owner: Owner, seconds: int) -> BusLog:
    """Let the car drive, and all of it change; return what was on the bus, by uptime in ms."""
    log = BusLog()
    owner.later_s += seconds
    with owner.board.paused() as shell:
        receive = shell.receive_frame

        def received(arbitration_id: int, data: bytes, bus: int = 0) -> None:
            log.add(shell.now_ms, arbitration_id, data)
            receive(arbitration_id, data, bus)

        shell.receive_frame = received  # type: ignore[method-assign]
        car = Car(shell)
        for second in range(seconds):
            signals = car.signals
            signals["DRV_Status"].update(Speed=second / 4 % 150, Gear=second // 20 % 3)
            signals["DRV_Odometer"]["Odometer"] += 0.1
            signals["CLIM_Temperatures"]["CabinTemperature"] = 5 + second % 30 / 2
            signals["CLIM_Status"]["Power"] = second // 30 % 2
            signals["BATT_Status"]["StateOfCharge"] = 80 - second / 100
            signals["NAV_Latitude"]["Latitude"] += 0.0001
            signals["NAV_Longitude"]["Longitude"] -= 0.0001
            for _ in range(5):
                shell.advance(200)
                car.send()
        del shell.receive_frame
    return log


def test_every_stored_sample_is_what_the_car_had_on_the_bus(owner: Owner) -> None:
    owner.consent(*GROUPS)
    log = drive_logged(owner, 200)

    owner.run("export", "-o", "day.csv")

    table = arrow_csv.read_csv("day.csv")
    columns = json.loads(Path("day.csv-metadata.json").read_text())["tableSchema"]["columns"]
    units = {column["name"]: column.get("schema:unitText") for column in columns}
    assert table.column_names == [column["name"] for column in columns]
    groups = {column["name"]: column.get("dc:subject") for column in columns}
    checked = 0
    for row in table.to_pylist():
        for path, value in row.items():
            if path in HEAD:
                continue
            assert units[path] == unit_of(path)
            expected = log.last(path, row["uptime_ms"])
            if groups[path] != row["group"] or expected is None:
                assert value in (None, ""), (path, row["uptime_ms"])
            else:
                assert value == pytest.approx(expected, abs=1e-9), (path, row["uptime_ms"])
                checked += 1
    assert set(table["group"].to_pylist()) == set(GROUPS)
    assert checked > 3000
    assert len(table[SPEED].unique()) > 40


def test_the_file_says_what_a_reader_of_the_sealed_blocks_finds(owner: Owner) -> None:
    owner.consent(*GROUPS)
    drive_logged(owner, 130)
    key = json.loads((data_dir() / NAME / "keys.json").read_text())["chains"]
    ((chain_id, (step, secret)),) = key.items()
    chain = Chain(bytes.fromhex(chain_id), step, bytes.fromhex(secret))

    owner.run("export", "--format", "json", "-o", "day.json")

    with owner.board.paused() as shell:
        archive = shell.gateway._home.keeper(shell.now_ms).archive
        sealed = [whole(archive.read(n)) for n in range(archive.first, archive.next)]
        schema = cbor2.loads(whole(archive.read_schema(archive.schema)))
    expected = []
    for block in (open_block(data, chain) for data in sealed):
        expected += [(row[1], named(row, schema)) for row in block.rows]
    exported = json.loads(Path("day.json").read_text())
    told = [
        (row["uptime_ms"], {path: value for path, value in row.items() if path not in HEAD})
        for row in exported
    ]
    assert len(told) == len(expected) > 400
    assert sorted(told, key=str) == sorted(expected, key=str)


def test_all_formats_say_the_same(owner: Owner) -> None:
    owner.consent(*GROUPS)
    drive_logged(owner, 130)
    for kind in ("csv", "json", "senml", "parquet"):
        told = owner.told("export", "--format", kind, "-o", f"day.{kind}")
        assert told["rows"] > 400
        assert stat.S_IMODE(Path(f"day.{kind}").stat().st_mode) == 0o600

    rows = json.loads(Path("day.json").read_text())
    values = {
        (datetime.fromisoformat(row["time"]).timestamp(), path): value
        for row in rows
        for path, value in row.items()
        if path not in HEAD and value is not None
    }
    assert _of_csv(values) == {key: str(value) for key, value in values.items()}
    assert _resolved_senml(json.loads(Path("day.senml").read_text())) == values
    table = parquet.read_table("day.parquet")
    assert _of_parquet(table) == values
    assert table.field(SPEED).metadata[b"unit"] == b"km/h"


def _of_csv(values: dict[tuple[float, str], Any]) -> dict[tuple[float, str], str]:
    """Return the cells with their times; what JSON writes as true is True here."""
    return {
        (datetime.fromisoformat(row["time"]).timestamp(), path): {
            "true": "True",
            "false": "False",
        }.get(cell, cell)
        for row in read_csv("day.csv")
        for path, cell in row.items()
        if path not in HEAD and cell
    }


def _of_parquet(table: Any) -> dict[tuple[float, str], Any]:
    return {
        (row["time"].timestamp(), path): value
        for row in table.to_pylist()
        for path, value in row.items()
        if path not in HEAD and value is not None
    }


def _resolved_senml(pack: list[dict[str, Any]]) -> dict[tuple[float, str], Any]:
    """Return a pack's values with their times and names: RFC 8428 section 4.6."""
    values = {}
    base_name, base_time = "", 0.0
    units = set()
    for record in pack:
        base_name, base_time = record.get("bn", base_name), record.get("bt", base_time)
        (value,) = (record[label] for label in ("v", "vb", "vs") if label in record)
        values[base_time + record.get("t", 0), base_name + record["n"]] = value
        units.add(record.get("u"))
    assert units == {None, "A", "V", "%", "Cel", "km", "km/h", "lat", "lon"} - {"V"}
    return values


def test_an_export_goes_on_where_the_link_broke(owner: Owner, leap_on: Callable[[], None]) -> None:
    owner.consent("driving", "location")
    drive_logged(owner, 1600)
    first_number, next_number = 1, owner.told("status")["blocks"] + 1

    owner.board.on_lost = leap_on
    owner.board.cut_after = 40
    said = owner.run("export", "-o", "day.csv", "--via", "lan", exit_code=5)
    assert "Traceback" not in said
    assert not Path("day.csv").exists()
    with open_holdings(NAME) as holdings:
        kept = [each.number for each in holdings.archive.kept()]
    assert kept == list(range(first_number, len(kept) + 1))
    assert 2 <= len(kept) < next_number - 1

    owner.board.cut_after, owner.board.is_cut = None, False
    told = owner.told("export", "-o", "day.csv")
    assert told["fetched_blocks"] == next_number - 1 - len(kept)
    assert told["findings"] == []
    times = [int(row["uptime_ms"]) for row in read_csv("day.csv") if row["group"] == "driving"]
    assert [after - before for before, after in pairwise(times)] == ([1000] * (len(times) - 1))


def test_a_block_that_grew_is_fetched_again_and_no_row_comes_twice(owner: Owner) -> None:
    owner.consent()
    owner.drive(70)
    before = owner.told("export", "-o", "day.csv")
    owner.drive(120)
    after = owner.told("export", "-o", "day.csv")

    assert (before["fetched_blocks"], after["fetched_blocks"]) == (1, 1)
    times = [row["uptime_ms"] for row in read_csv("day.csv")]
    assert len(times) == len(set(times)) == after["rows"] > before["rows"]


def test_a_time_is_chosen_and_stdout_takes_it(owner: Owner) -> None:
    owner.consent()
    owner.drive(130)
    owner.run("export", "-o", "all.csv")
    rows = read_csv("all.csv")
    middle = rows[50]["time"]

    owner.run("export", "--since", middle, "-o", "late.csv")
    owner.run("export", "--until", middle, "-o", "early.csv")
    assert read_csv("late.csv") == rows[50:]
    assert read_csv("early.csv") == rows[:50]
    printed = owner.run("export", "--offline", "-o", "-")
    assert printed.splitlines()[0].startswith("time,group,block")
    assert len(printed.splitlines()) == len(rows) + 1
    assert owner.told("export", "--since", "2000-01-01", "--until", "2001-01-01")["rows"] == 0


def test_nothing_recorded_is_nothing_to_export(owner: Owner) -> None:
    assert "nothing to export yet" in owner.run("export", exit_code=2)
    assert list(Path().iterdir()) == []
    assert "stdout takes text" in owner.run(
        "export", "-o", "-", "--format", "parquet", exit_code=2
    )
    owner.consent()
    owner.drive(70)
    assert "cannot be written" in owner.run("export", "-o", "no/such/day.csv", exit_code=2)


def test_a_block_put_in_the_place_of_another_is_named(owner: Owner) -> None:
    owner.consent("driving", "location")
    drive_logged(owner, 1300)
    with owner.board.paused() as shell:
        records = shell.gateway._records
        archive = shell.gateway._home.keeper(shell.now_ms).archive
        records.put_block("block-2", [bytearray(whole(archive.read(1)))])
        shell.drain()

    said = owner.run("export", "-o", "day.csv", exit_code=1)
    assert "block 2 was removed from the board" in said
    assert {row["block"] for row in read_csv("day.csv")} >= {"1", "3"}


def test_a_block_taken_away_is_named(owner: Owner) -> None:
    owner.consent("driving", "location")
    drive_logged(owner, 1300)
    with owner.board.paused() as shell:
        del shell.storage["block-2"]

    said = owner.run("export", "-o", "day.csv", exit_code=1)
    assert "block 2 was removed from the board" in said


def test_rows_from_before_the_board_knew_the_time_are_dated_while_it_runs(owner: Owner) -> None:
    owner.consent()
    owner.drive(70)
    owner.board.reboot()
    owner.drive(70)  # nobody has told it the time yet

    assert owner.told("export", "-o", "day.csv")["rows"] > 100

    times = [row["time"] for row in read_csv("day.csv")]
    assert all(times)
    assert times == sorted(times)


def test_rows_of_a_run_that_never_knew_the_time_come_last(owner: Owner) -> None:
    owner.consent()
    for _ in range(2):
        owner.drive(70)
        owner.board.reboot()
    owner.drive(70)

    owner.run("export", "-o", "day.csv")

    times = [row["time"] for row in read_csv("day.csv")]
    known = [time for time in times if time]
    assert len(known) > 100
    assert times[len(known) :] == [""] * (len(times) - len(known))
    assert len(times) - len(known) > 50
    told = owner.told("export", "--offline", "--format", "senml", "-o", "day.senml")
    assert (told["rows"], told["rows_without_time"]) == (len(known), len(times) - len(known))
    assert "did not know the time" in owner.run("export", "--format", "senml", "-o", "day.senml")


def test_another_regions_data_is_refused_until_it_is_allowed(owner: Owner) -> None:
    owner.consent(region="DE")
    owner.drive(70)
    owner.run("consent", "--region", "FR")
    owner.drive(70)

    told = owner.told("export", "-o", "day.csv")
    assert told["refused_by_board"] == {"FR": 1}
    assert {row["region"] for row in read_csv("day.csv")} == {"DE"}
    assert "recorded in FR" in owner.run("export", "-o", "day.csv")

    owner.run("consent", "--transfer", "DE", "--until", str(LAST_DAY))
    told = owner.told("export", "-o", "day.csv")
    assert (told["refused_by_board"], told["refused_here"]) == ({}, {})
    assert {row["region"] for row in read_csv("day.csv")} == {"DE", "FR"}

    owner.run("consent", "--withdraw", "--transfer", "DE")
    owner.run("consent")
    told = owner.told("export", "--offline", "-o", "day.csv")
    assert told["refused_here"] == {"FR": 1}
    assert {row["region"] for row in read_csv("day.csv")} == {"DE"}
    said = owner.run("export", "--offline", "-o", "day.csv")
    assert "recorded in FR" in said


def test_an_expired_transfer_counts_no_more_for_what_is_here(
    owner: Owner,
) -> None:
    owner.consent(region="DE")
    next_week = str(date.today() + timedelta(days=7))
    owner.run("consent", "--region", "FR", "--transfer", "DE", "--until", next_week)
    owner.run("consent", "--region", "FR")
    owner.drive(70)
    assert owner.told("export", "-o", "day.csv")["rows"] > 0

    owner.later_s += 90 * 86400
    said = owner.run("export", "--offline", "-o", "late.csv", exit_code=3)
    assert "all of it was recorded in FR, and this computer's key is of DE" in said
    assert not Path("late.csv").exists()
