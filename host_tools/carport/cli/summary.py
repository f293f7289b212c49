"""The car in a few rows: what its owner wants to see of the signals, with their ages."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carport.cli.output import duration, value_text

if TYPE_CHECKING:
    from rich.table import Table

    from carport.client import Signal, Signals

_CABIN = "Vehicle.Cabin"
_CLIMATE = f"{_CABIN}.HVAC"
_DRIVE = "Vehicle.Powertrain"


@dataclass(frozen=True)
class Row:
    """One line of the summary; age_ms is that of the oldest signal in it."""

    label: str
    text: str
    age_ms: int


def summarise(signals: "Signals") -> list[Row]:
    """Return the rows for those signals that the car has."""
    rows = [
        _parts(signals, "Locks", ".IsLocked", "locked", "unlocked"),
        _parts(signals, "Doors", ".IsOpen", "open", "closed"),
        _windows(signals),
        _flag(signals, "Climate", f"{_CLIMATE}.IsOn", "on", "off"),
        _value(signals, "Cabin", f"{_CLIMATE}.AmbientAirTemperature"),
        _value(signals, "Driver set to", f"{_CLIMATE}.Station.Row1.Driver.Temperature"),
        _value(signals, "Passenger set to", f"{_CLIMATE}.Station.Row1.Passenger.Temperature"),
        _flag(signals, "Front defrost", f"{_CLIMATE}.IsFrontDefrosterActive", "on", "off"),
        _value(signals, "Outside", "Vehicle.Exterior.AirTemperature"),
        _value(signals, "Battery", f"{_DRIVE}.TractionBattery.StateOfCharge.Displayed"),
        _flag(
            signals, "Park", f"{_DRIVE}.Transmission.IsParkLockEngaged", "engaged", "not engaged"
        ),
        _value(signals, "Speed", "Vehicle.Speed"),
        _value(signals, "Odometer", "Vehicle.TraveledDistance"),
    ]
    return [row for row in rows if row is not None]


def summary_table(signals: "Signals") -> "Table":
    """Return the summary as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right", style="dim")
    for row in summarise(signals):
        table.add_row(row.label, row.text, f"{duration(row.age_ms)} ago")
    return table


def _value(signals: "Signals", label: str, path: str) -> Row | None:
    signal = signals.get(path)
    if signal is None:
        return None
    return Row(label, value_text(signal.value, signal.unit), signal.age_ms)


def _flag(signals: "Signals", label: str, path: str, if_true: str, if_false: str) -> Row | None:
    signal = signals.get(path)
    if signal is None:
        return None
    return Row(label, if_true if signal.value else if_false, signal.age_ms)


def _parts(signals: "Signals", label: str, suffix: str, if_true: str, if_false: str) -> Row | None:
    """Return one row for the flags of all doors and lids: what they are, or which are what."""
    parts = {path: signal for path, signal in signals.items() if path.endswith(suffix)}
    if not parts:
        return None
    names: dict[str, list[str]] = {}
    for path, signal in sorted(parts.items()):
        word = if_true if signal.value else if_false
        names.setdefault(word, []).append(_part_name(path, suffix))
    if len(names) == 1:
        text = f"all {next(iter(names))}"
    else:
        text = "; ".join(f"{word}: {', '.join(which)}" for word, which in sorted(names.items()))
    return Row(label, text, _oldest(list(parts.values())))


def _windows(signals: "Signals") -> Row | None:
    suffix = ".Window.Position"
    windows = {path: signal for path, signal in signals.items() if path.endswith(suffix)}
    if not windows:
        return None
    texts = [
        f"{_part_name(path, suffix)} {value_text(signal.value, signal.unit)}"
        for path, signal in sorted(windows.items())
        if signal.value != 0
    ]
    return Row("Windows", ", ".join(texts) or "all closed", _oldest(list(windows.values())))


def _part_name(path: str, suffix: str) -> str:
    """Return what people call a door or lid: "front driver", "rear trunk", "hood"."""
    words = path.removesuffix(suffix).split(".")
    if "Door" in words:
        row = {"Row1": "front", "Row2": "rear"}.get(words[-2], words[-2])
        return f"{row} {words[-1].removesuffix('Side').lower()}"
    return " ".join(reversed(words[2:])).lower() if words[-1] != words[2] else words[-1].lower()


def _oldest(signals: "list[Signal]") -> int:
    return max(signal.age_ms for signal in signals)
