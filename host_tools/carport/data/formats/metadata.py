"""What describes an export's columns: W3C's Metadata Vocabulary for Tabular Data, in JSON.

Source: https://www.w3.org/TR/tabular-metadata/. The same description goes with each format.
"""

from typing import Any

from carport.data.formats.table import Signal

_BASES = {
    "boolean": "boolean",
    "string": "string",
    "float": "double",
    "double": "double",
    "int8": "byte",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "uint8": "unsignedByte",
    "uint16": "unsignedShort",
    "uint32": "unsignedInt",
    "uint64": "unsignedLong",
}

_HEAD = [
    ("time", "dateTimeStamp", "When it was sampled, in UTC; empty if the board did not know it"),
    ("group", "string", "The group of signals that was sampled: only its columns have values"),
    ("block", "unsignedInt", "The number of the sealed block on the board"),
    ("uptime_ms", "unsignedLong", "How long the board had run when it was sampled"),
    ("region", "string", "Where it was recorded, as the owner declared: ISO 3166-1 alpha-2"),
]


def describe(file_name: str, gateway: str, created: str, signals: list[Signal]) -> dict[str, Any]:
    """Return the description of an export; created: when it was made, in ISO 8601."""
    head = [
        {"name": name, "titles": name, "datatype": datatype, "dc:description": text}
        for name, datatype, text in _HEAD
    ]
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": file_name,
        "dc:title": f"What {gateway} recorded",
        "dc:created": created,
        "dc:description": (
            "One row is one sample of one group of signals, with the values and units of the "
            "COVESA Vehicle Signal Specification, exactly as they are stored. An empty cell: the "
            "car's value was not known, or the column is of another group."
        ),
        "tableSchema": {"columns": [*head, *(_column(signal) for signal in signals)]},
    }


def _column(signal: Signal) -> dict[str, Any]:
    is_rounded = _BASES[signal.datatype] not in ("boolean", "string") and not signal.is_whole
    base = "double" if is_rounded else _BASES[signal.datatype]
    column: dict[str, Any] = {
        "name": signal.path,
        "titles": signal.path,
        "datatype": {"base": base, "dc:title": f"VSS {signal.datatype}"},
        "dc:description": signal.description,
        "dc:subject": signal.group,
    }
    if signal.unit is not None:
        column["schema:unitText"] = signal.unit
    each = " or ".join(f"{interval} s" for interval in signal.intervals_s)
    stored = f"sampled each {each}"
    if signal.steps:
        stored += f", stored in steps of {' or '.join(signal.steps)}"
    column["schema:measurementTechnique"] = stored
    return column
