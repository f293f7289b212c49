"""The reference profile says what it should; each mutation of what keeps it safe is noticed."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from carport.profile import ProfileError, compile_profile

REFERENCE = Path(__file__).resolve().parents[2] / "gateway" / "profiles" / "reference"
TOML = (REFERENCE / "profile.toml").read_text(encoding="utf-8")

DOOR = "Vehicle.Cabin.Door.Row{}.{}Side.Is{}"
ROWS_AND_SIDES = [(row, side) for row in (1, 2) for side in ("Driver", "Passenger")]
LOCKS = [DOOR.format(*place, "Locked") for place in ROWS_AND_SIDES]
LOCKS.append("Vehicle.Body.Trunk.Rear.IsLocked")
OPEN = [DOOR.format(*place, "Open") for place in ROWS_AND_SIDES]
OPEN += ["Vehicle.Body.Trunk.Rear.IsOpen", "Vehicle.Body.Hood.IsOpen"]

CONTRACT = {
    "lock": {
        "interlocks": {"closed": (False, {(path, "equals", False) for path in OPEN})},
        "confirm": {(path, "equals", True) for path in LOCKS},
    },
    "unlock": {
        "interlocks": {
            "parked": (
                True,
                {
                    ("Vehicle.Powertrain.Transmission.IsParkLockEngaged", "equals", True),
                    ("Vehicle.Speed", "below", 0.5),
                },
            )
        },
        "confirm": {(path, "equals", False) for path in LOCKS},
    },
    "climate": {
        "interlocks": {
            "charged": (
                False,
                {("Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed", "above", 10)},
            )
        },
        "confirm": {
            "on": "Vehicle.Cabin.HVAC.IsOn",
            "driver_temperature": "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature",
            "passenger_temperature": "Vehicle.Cabin.HVAC.Station.Row1.Passenger.Temperature",
            "front_defrost": "Vehicle.Cabin.HVAC.IsFrontDefrosterActive",
            "driver_seat_heating": "Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling",
            "passenger_seat_heating": "Vehicle.Cabin.Seat.Row1.PassengerSide.HeatingCooling",
        },
    },
}


def contract(compiled: dict[str, Any]) -> dict[str, Any]:
    """Return each command's interlocks and what confirms it, read from the compiled profile."""
    paths = [leaf[0] for leaf in compiled["leaves"]]

    def conditions(rows: list[Any]) -> set[tuple[str, str, object]]:
        return {(paths[leaf], operation, value) for leaf, operation, value in rows}

    told: dict[str, Any] = {}
    for name, command in compiled["commands"].items():
        interlocks = {one: compiled["interlocks"][one] for one in command["interlocks"]}
        arguments = command["arguments"]
        told[name] = {
            "interlocks": {
                one: (row["silent_allows"], conditions(row["all"]))
                for one, row in interlocks.items()
            },
            "confirm": {one: paths[arguments[one]["leaf"]] for one in arguments}
            if arguments
            else conditions(command["confirm"]),
        }
    return told


def mutations() -> list[tuple[str, str]]:
    """Return (what, profile.toml) for each small change of an interlock or a confirmation."""
    lines = TOML.splitlines(keepends=True)
    changed = []

    def replace(at: int, line: str) -> None:
        text = "".join([*lines[:at], line, *lines[at + 1 :]])
        changed.append((f"{at + 1}: {line.strip() or 'deleted'}", text))

    for at, line in enumerate(lines):
        if re.match(r"(silent|interlocks) = ", line) or '"Vehicle.' in line:
            replace(at, "")
        if line.startswith("interlocks = "):
            replace(at, "interlocks = []\n")
        for old, new in [
            ("equals = true", "equals = false"),
            ("equals = false", "equals = true"),
            ("below", "above"),
            ("above", "below"),
            ("= 0.5 }", "= 50 }"),
            ("= 10 }", "= 1 }"),
            ("Row1", "Row2"),
            ("Row2", "Row1"),
            ("PassengerSide", "DriverSide"),
            ('"allow"', '"refuse"'),
            ('"refuse"', '"allow"'),
        ]:
            if old in line and ("vss" in line or "silent" in line):
                replace(at, line.replace(old, new))
    return changed


def test_the_reference_car_is_as_meant() -> None:
    assert contract(compile_profile(REFERENCE)) == CONTRACT


@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation[0])
def test_a_mutation_is_noticed(mutation: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE, folder)
    (folder / "profile.toml").write_text(mutation[1], encoding="utf-8")
    try:
        told = contract(compile_profile(folder))
    except ProfileError:
        return
    assert told != CONTRACT


def test_enough_was_mutated() -> None:
    assert len(mutations()) > 80
