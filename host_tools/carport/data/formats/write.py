"""An export into a file, or onto stdout, in one of the formats."""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO, get_args

from carport.data.archive import Sampled
from carport.data.formats.metadata import describe
from carport.data.formats.parquet import write_parquet
from carport.data.formats.senml import write_senml
from carport.data.formats.table import Signal
from carport.data.formats.text import write_csv, write_json
from carport.errors import UsageError

Format = Literal["csv", "json", "senml", "parquet"]

FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Written:
    """How many rows were written, and how many were left out for want of a time."""

    rows: int
    without_time: int = 0


def write_text(
    file: TextIO, kind: Format, rows: Iterable[Sampled], signals: list[Signal]
) -> Written:
    """Write one of the text formats into an open file."""
    if kind == "csv":
        return Written(write_csv(file, rows, signals))
    if kind == "json":
        return Written(write_json(file, rows))
    return Written(*write_senml(file, rows, signals))


def write_file(
    path: Path, kind: Format, rows: Iterable[Sampled], signals: list[Signal], gateway: str
) -> tuple[Written, Path]:
    """Write a file and the one that describes it, mode 0600; return the latter's path too.

    What was at path is replaced when all is written.

    Raises:
        UsageError: it cannot be written there, or the format needs what is not installed.
    """
    metadata_path = path.with_name(f"{path.name}-metadata.json")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        scratch = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                if kind == "parquet":
                    written = Written(write_parquet(scratch, rows, signals))
                else:
                    written = write_text(file, kind, rows, signals)
            description = describe(path.name, gateway, created, signals)
            scratch.replace(path)
        except BaseException:
            scratch.unlink()
            raise
        metadata_path.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): give another") from error
    return written, metadata_path
