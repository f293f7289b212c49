"""`carport data export`."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.data_session import fetch_all
from carport.cli.data_words import counted, past
from carport.cli.grants import end
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.errors import CarportError, RefusedError, UsageError

if TYPE_CHECKING:
    from carport.data.fetch import Fetched
    from carport.data.formats.write import Format, Written
    from carport.data.holdings import Holdings

_FORMATS = ("csv", "json", "senml", "parquet")
_SUFFIXES = {"csv": ".csv", "json": ".json", "senml": ".senml.json", "parquet": ".parquet"}
_STDOUT = "-"


@click.command()
@click.option("--since", metavar="TIME", type=past, help="From then on: 7d, 12h, 2026-11-01.")
@click.option("--until", metavar="TIME", type=end, help="Up to then; a date is included.")
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="csv", show_default=True)
@click.option(
    "-o", "--output", metavar="FILE", help="Where to; - for stdout. Default: a new file."
)
@click.option("--offline", "is_offline", is_flag=True, help="Only what this computer has already.")
@gateway_options
def export(
    options: Options,
    since: int | None,
    until: int | None,
    kind: "Format",
    output: str | None,
    is_offline: bool,
) -> None:
    """Take the car's data along: fetch what is new, verify it, write a file.

    Beside the file, FILE-metadata.json describes its columns: VSS paths, units, datatypes. If the
    link breaks, run it again: it goes on where it was. What it writes is not sealed any more.

    \b
    csv      a row a sample, a column a VSS path
    json     the same as an array of objects
    senml    RFC 8428
    parquet  for pandas, DuckDB and the like;
             needs pip install 'carport-gateway[export]'

    \b
    Examples:
      carport data export
      carport data export --since 7d --format parquet -o week.parquet
      carport data export --since 2026-11-01 --until 2026-11-30 -o november.csv
      carport data export --offline -o - | head
    """
    from carport.client.known_gateways import find_gateway
    from carport.data.holdings import open_holdings

    if output == _STDOUT and (kind == "parquet" or options.as_json):
        raise UsageError("stdout takes text, and not beside --json: give -o a file's name")
    name = find_gateway(options.gateway).name
    fetched = None if is_offline else fetch_all(options)
    with open_holdings(name) as holdings:
        told = _write(holdings, name, since, until, kind, output)
    if fetched is not None:
        told |= _told(fetched)
    if options.as_json:
        print_json(told)
    elif output != _STDOUT:
        say(f"Wrote {told['rows']} rows to {told['file']}.")
        say(f"  {Path(told['metadata']).name} describes the columns.")
    _say_rest(told, options.as_json)
    if fetched is not None and fetched.findings:
        raise CarportError(
            f"the records are not whole: {'; '.join(fetched.findings)}; the rest was exported, "
            "so look at `carport data ledger --verify` and at who had the board"
        )


def _write(
    holdings: "Holdings",
    name: str,
    since: int | None,
    until: int | None,
    kind: "Format",
    output: str | None,
) -> dict[str, Any]:
    """Write what may be exported; return what is to be said about it."""
    from carport.data.formats.table import signals_of
    from carport.data.formats.write import write_file, write_text

    now_s = time.time()
    allowed = holdings.regions.allowed(now_s)
    refused = holdings.regions.refused(now_s)
    if refused and not allowed:
        regions = ", ".join(refused)
        raise RefusedError(
            f"all of it was recorded in {regions}, and this computer's key is of "
            f"{holdings.regions.own}: allow it with `carport data consent --transfer "
            f"{holdings.regions.own} --until DATE`, then try again"
        )
    signals = signals_of(holdings.archive)
    if not signals:
        raise UsageError(
            "there is nothing to export yet: the newest minute comes with the next export, and "
            "without `carport data consent GROUP` nothing is recorded"
        )
    rows = holdings.archive.rows(since, until, allowed)
    if output == _STDOUT:
        written = write_text(sys.stdout, kind, rows, signals)
        return _counts(written, refused)
    stamp = datetime.now().strftime("%Y-%m-%dT%H%M%S")
    path = Path(output or f"{name}-{stamp}{_SUFFIXES[kind]}")
    written, metadata = write_file(path, kind, rows, signals, name)
    files = {"file": str(path), "metadata": str(metadata), "format": kind}
    return files | _counts(written, refused) | {"own_region": holdings.regions.own}


def _counts(written: "Written", refused: dict[str, int]) -> dict[str, Any]:
    return {
        "rows": written.rows,
        "rows_without_time": written.without_time,
        "refused_here": refused,
    }


def _told(fetched: "Fetched") -> dict[str, Any]:
    return {
        "fetched_blocks": fetched.blocks,
        "fetched_bytes": fetched.bytes,
        "refused_by_board": fetched.refused,
        "closed_blocks": fetched.closed,
        "findings": fetched.findings,
    }


def _say_rest(told: dict[str, Any], as_json: bool) -> None:
    """Say what was left out."""
    if as_json:
        return
    for region, blocks in told["refused_here"].items():
        say(
            f"Left out: {counted(blocks)} recorded in {region}. This computer's key is of another "
            "region; `carport data consent --transfer` may allow it until a date.",
            err=True,
        )
    if told["rows_without_time"]:
        say(
            f"Left out: {told['rows_without_time']} rows, recorded while the board did not know "
            "the time; --format csv has them.",
            err=True,
        )
