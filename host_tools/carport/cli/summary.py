"""The car in a few rows: what its owner wants to see of the signals, with their ages."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carport.cli.output import value_text
from carport.duration import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from carport.client import Signal, Signals

_CLIMATE = "Vehicle.Cabin.HVAC"
_DRIVE = "Vehicle.Powertrain"
_UNKNOWN = "not known"


@dataclass(frozen=True)
class Row:
    """One line of the summary; age_ms is that of the oldest signal in it, if it has any."""

    label: str
    text: str
    age_ms: int | None


def summarise(signals: "Signals", paths: list[str]) -> list[Row]:
    """Return the rows for those signals that the car has.

    paths: what the car's profile names, so that what is not known at present is said to be so.
    """
    told: dict[str, Signal | None] = {**dict.fromkeys(paths), **signals}
    rows = [
        _parts(told, "Locks", ".IsLocked", _either("locked", "unlocked")),
        _parts(told, "Doors", ".IsOpen", _either("open", "closed")),
        _parts(told, "Windows", ".Window.Position", _opening),
        _one(told, "Climate", f"{_CLIMATE}.IsOn", _either("on", "off")),
        _one(told, "Cabin", f"{_CLIMATE}.AmbientAirTemperature", _as_it_is),
        _one(told, "Driver set to", f"{_CLIMATE}.Station.Row1.Driver.Temperature", _as_it_is),
        _one(
            told, "Passenger set to", f"{_CLIMATE}.Station.Row1.Passenger.Temperature", _as_it_is
        ),
        _one(told, "Front defrost", f"{_CLIMATE}.IsFrontDefrosterActive", _either("on", "off")),
        _one(told, "Outside", "Vehicle.Exterior.AirTemperature", _as_it_is),
        _one(told, "Battery", f"{_DRIVE}.TractionBattery.StateOfCharge.Displayed", _as_it_is)
        or _one(told, "Battery", f"{_DRIVE}.TractionBattery.StateOfCharge.Current", _as_it_is),
        _one(told, "Park", f"{_DRIVE}.Transmission.IsParkLockEngaged", _either("yes", "no")),
        _one(told, "Speed", "Vehicle.Speed", _as_it_is),
        _one(told, "Odometer", "Vehicle.TraveledDistance", _as_it_is),
    ]
    return [row for row in rows if row is not None]


def summary_table(signals: "Signals", paths: list[str]) -> "Table":
    """Return the summary as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right", style="dim")
    for row in summarise(signals, paths):
        age = "" if row.age_ms is None else f"{duration(row.age_ms)} ago"
        table.add_row(row.label, row.text, age)
    return table


def _either(if_true: str, if_false: str) -> "Callable[[Signal], str]":
    return lambda signal: if_true if signal.value else if_false


def _as_it_is(signal: "Signal") -> str:
    return value_text(signal.value, signal.unit)


def _opening(signal: "Signal") -> str:
    return _as_it_is(signal) if signal.value else "closed"


def _one(
    told: "dict[str, Signal | None]", label: str, path: str, say: "Callable[[Signal], str]"
) -> Row | None:
    """Return the row for one signal, if the car has it."""
    if path not in told:
        return None
    signal = told[path]
    return Row(label, say(signal), signal.age_ms) if signal else Row(label, _UNKNOWN, None)


def _parts(
    told: "dict[str, Signal | None]", label: str, suffix: str, say: "Callable[[Signal], str]"
) -> Row | None:
    """Return one row for all doors and lids: what they all are, or which are what."""
    parts = {path: signal for path, signal in told.items() if path.endswith(suffix)}
    if not parts:
        return None
    named: dict[str, list[str]] = {}
    for path, signal in sorted(parts.items()):
        named.setdefault(say(signal) if signal else _UNKNOWN, []).append(_name(path, suffix))
    ages = [signal.age_ms for signal in parts.values() if signal]
    if len(named) == 1:
        text = f"all {next(iter(named))}"
    else:
        text = "; ".join(f"{word}: {', '.join(which)}" for word, which in sorted(named.items()))
    return Row(label, text, max(ages, default=None))


def _name(path: str, suffix: str) -> str:
    """Return what people call a door or lid: "front driver", "rear trunk", "hood"."""
    words = path.removesuffix(suffix).removeprefix("Vehicle.").split(".")
    if "Door" in words:
        row = {"Row1": "front", "Row2": "rear"}.get(words[-2], words[-2])
        return f"{row} {words[-1].removesuffix('Side').lower()}"
    return " ".join(reversed(words[1:])).lower()
