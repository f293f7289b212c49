"""SenML in JSON (RFC 8428): a record a value, names are VSS paths, times are absolute.

Units are SenML's (RFC 8428 section 12.1, RFC 8798) where VSS spells them otherwise. What the car
did not know has no record, nor has a row whose time is not known: it would mean "now".
"""

import json
from collections.abc import Iterable
from typing import Any, TextIO

from carport.data.archive import Sampled
from carport.data.formats.table import Signal

_BASE_NAME = "Vehicle."
_UNITS = {"celsius": "Cel", "percent": "%", "degrees": "deg"}
_UNITS_OF_PATHS = {
    "Vehicle.CurrentLocation.Latitude": "lat",
    "Vehicle.CurrentLocation.Longitude": "lon",
}


def write_senml(file: TextIO, rows: Iterable[Sampled], signals: list[Signal]) -> tuple[int, int]:
    """Write the pack, a record a line; return how many rows it has, and how many had no time."""
    units = {signal.path: _unit(signal) for signal in signals}
    count = without_time = 0
    base_ms: int | None = None
    separator = "\n"
    file.write("[")
    for row in rows:
        if row.unix_ms is None:
            without_time += 1
            continue
        count += 1
        for path, value in row.values.items():
            if value is None:
                continue
            record: dict[str, Any] = {"n": path.removeprefix(_BASE_NAME)}
            if base_ms is None:
                base_ms = row.unix_ms
                record = {"bn": _BASE_NAME, "bt": _seconds(base_ms), **record}
            if (unit := units[path]) is not None:
                record["u"] = unit
            is_text = isinstance(value, str)
            record["vb" if isinstance(value, bool) else "vs" if is_text else "v"] = value
            if row.unix_ms != base_ms:
                record["t"] = _seconds(row.unix_ms - base_ms)
            file.write(separator + json.dumps(record, ensure_ascii=False))
            separator = ",\n"
    file.write("\n]\n")
    return count, without_time


def _unit(signal: Signal) -> str | None:
    if signal.unit is None:
        return None
    return _UNITS_OF_PATHS.get(signal.path) or _UNITS.get(signal.unit, signal.unit)


def _seconds(ms: int) -> int | float:
    return ms // 1000 if ms % 1000 == 0 else ms / 1000
