"""`carport data live`."""

import sys
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import click

from carport.cli.data_session import with_data
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, value_text
from carport.errors import UsageError

if TYPE_CHECKING:
    from carport.client.data import DataRequests
    from carport.data.archive import Sampled
    from carport.data.holdings import Holdings


@click.command()
@click.option("--seconds", metavar="N", type=click.FloatRange(min=0), help="End after this time.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after so many rows.")
@gateway_options
def live(options: Options, seconds: float | None, count: int | None) -> None:
    """Show the rows as they are recorded, until Ctrl-C: the same values as are stored.

    With --json, an object a line for each row.

    \b
    Examples:
      carport data live
      carport data live --json --count 10 | jq '."Vehicle.Speed"'
    """

    async def work(requests: "DataRequests", holdings: "Holdings") -> None:
        import asyncio

        from carport.data.contact import make_contact
        from carport.data.live import live_rows

        contact = await make_contact(requests, holdings)
        if not contact.records.recording:
            raise UsageError("nothing is recorded: allow it with `carport data consent GROUP`")
        shown = 0
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(seconds),
                aclosing(live_rows(requests, holdings, contact)) as rows,
            ):
                async for row in rows:
                    _show(row, options.as_json)
                    shown += 1
                    if shown == count:
                        return

    with suppress(KeyboardInterrupt):
        with_data(options, work)


def _show(row: "Sampled", as_json: bool) -> None:
    from carport.data.formats.table import time_of, time_text

    if as_json:
        fields: dict[str, Any] = {
            "time": time_text(row),
            "group": row.group,
            "uptime_ms": row.uptime_ms,
            **row.values,
        }
        print_json(fields)
        return
    time = time_of(row)
    clock = "--:--:--" if time is None else time.astimezone().strftime("%H:%M:%S")
    values = "  ".join(
        f"{path.removeprefix('Vehicle.')} {'?' if value is None else value_text(value)}"
        for path, value in row.values.items()
    )
    click.echo(f"{clock} {row.group:<8} {values}")
    sys.stdout.flush()
