"""Apache Parquet by pyarrow, which comes with the extra [export]."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from carport.data.archive import Sampled
from carport.data.formats.table import Signal, time_of
from carport.errors import UsageError

_BATCH_ROWS = 8192


def write_parquet(path: Path, rows: Iterable[Sampled], signals: list[Signal]) -> int:
    """Write the table, each column with its unit and meaning; return how many rows there were.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'carport-gateway[export]', or take --format csv"
        ) from error
    schema = pyarrow.schema(
        [
            ("time", pyarrow.timestamp("ms", tz="UTC")),
            ("group", pyarrow.string()),
            ("block", pyarrow.uint32()),
            ("uptime_ms", pyarrow.uint64()),
            ("region", pyarrow.string()),
            *(_field(pyarrow, signal) for signal in signals),
        ]
    )
    count = 0
    remaining = iter(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(remaining, _BATCH_ROWS)):
            writer.write_table(pyarrow.Table.from_pylist([_row(row) for row in batch], schema))
            count += len(batch)
    return count


def _field(pyarrow: Any, signal: Signal) -> Any:
    types = {"boolean": pyarrow.bool_(), "string": pyarrow.string()}
    kind = types.get(signal.datatype)
    if kind is None:
        kind = getattr(pyarrow, signal.datatype)() if signal.is_whole else pyarrow.float64()
    told = {"vss_datatype": signal.datatype, "description": signal.description}
    if signal.unit is not None:
        told["unit"] = signal.unit
    return pyarrow.field(signal.path, kind, metadata=told)


def _row(row: Sampled) -> dict[str, Any]:
    return {
        "time": time_of(row),
        "group": row.group,
        "block": row.block,
        "uptime_ms": row.uptime_ms,
        "region": row.region,
        **row.values,
    }
