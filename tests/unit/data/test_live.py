"""`carport data live`: the same values as are stored, as they are recorded."""

import json
import threading
import time
from datetime import datetime
from pathlib import Path

from tests.models.car import Car
from tests.unit.data.conftest import Owner


def test_live_rows_are_what_is_exported_later(owner: Owner) -> None:
    owner.consent("driving", "location")
    is_over = threading.Event()

    def drive() -> None:
        with owner.board.paused() as shell:
            car = Car(shell)
        kph = 0.0
        while not is_over.is_set():
            with owner.board.paused() as shell:
                kph += 0.25
                car.signals["DRV_Status"]["Speed"] = kph
                car.send()
            time.sleep(0.05)

    driving = threading.Thread(target=drive)
    driving.start()
    try:
        printed = owner.run("live", "--json", "--count", "9", "--seconds", "100")
    finally:
        is_over.set()
        driving.join()
    live = [json.loads(line) for line in printed.splitlines()]
    assert len(live) == 9
    owner.drive(70)
    owner.run("export", "--format", "json", "-o", "day.json")

    stored = {
        (row["group"], row["uptime_ms"]): row for row in json.loads(Path("day.json").read_text())
    }
    for row in live:
        same = stored[row["group"], row["uptime_ms"]]
        # The time of a row is that of its block, which may know it a second better.
        seconds = [datetime.fromisoformat(each.pop("time")).timestamp() for each in (same, row)]
        assert abs(seconds[0] - seconds[1]) <= 2
        assert {name: same[name] for name in row} == row
    assert len({row["uptime_ms"] for row in live}) > 3
    assert {row["group"] for row in live} == {"driving", "location"}


def test_live_rows_for_people(owner: Owner) -> None:
    assert "nothing is recorded" in owner.run("live", exit_code=2)
    owner.consent()
    owner.drive(5)
    (line,) = owner.run("live", "--count", "1").splitlines()
    assert line[2] == ":"
    assert "driving" in line
    assert "Speed" in line
