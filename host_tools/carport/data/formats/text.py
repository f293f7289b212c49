"""CSV (RFC 4180) and JSON: an array of one flat object a row, with its own group's paths alone."""

import csv
import json
from collections.abc import Iterable
from typing import Any, TextIO

from carport.data.archive import Sampled
from carport.data.block import Value
from carport.data.formats.table import HEAD, Signal, cells, time_text


def write_csv(file: TextIO, rows: Iterable[Sampled], signals: list[Signal]) -> int:
    """Write a line of titles and one for each row; return how many rows there were."""
    writer = csv.writer(file)
    writer.writerow([*HEAD, *(signal.path for signal in signals)])
    count = 0
    for row in cells(rows, signals):
        writer.writerow([_text(cell) for cell in row])
        count += 1
    return count


def write_json(file: TextIO, rows: Iterable[Sampled]) -> int:
    """Write the array, an object a line; return how many rows there were."""
    count = 0
    file.write("[")
    for row in rows:
        fields: dict[str, Any] = {
            "time": time_text(row),
            "group": row.group,
            "block": row.block,
            "uptime_ms": row.uptime_ms,
            "region": row.region,
            **row.values,
        }
        file.write(",\n" if count else "\n")
        file.write(json.dumps(fields, ensure_ascii=False))
        count += 1
    file.write("\n]\n")
    return count


def _text(cell: Value | None) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)
