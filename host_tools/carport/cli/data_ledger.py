"""`carport data ledger`."""

from typing import TYPE_CHECKING, Any

import click

from carport.cli.data_session import say_obeyed, with_data
from carport.cli.data_words import past
from carport.cli.grants import local_time
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.errors import CarportError, UsageError

if TYPE_CHECKING:
    from carport.client.data import DataRequests
    from carport.data.holdings import Holdings
    from carport.data.ledger import Told, Verdict


@click.command()
@click.option("--verify", "is_verifying", is_flag=True, help="Only say whether it is whole.")
@click.option("--since", metavar="TIME", type=past, help="From then on: 7d, 2026-11-01.")
@gateway_options
def ledger(options: Options, is_verifying: bool, since: int | None) -> None:
    """Show what was done with the car and its data: by whom, when; and whether that is all.

    Consents, exports and refused ones, erasures, keys and commands are entries of a chain. It is
    checked against the newest entry that this computer has seen: the first one that was changed,
    dropped, swapped or cut off since is named, and the exit code is 1.

    \b
    Examples:
      carport data ledger
      carport data ledger --since 7d
      carport data ledger --verify && echo all is well
    """
    from carport.data.ledger import open_entry, read_pages, verify

    async def work(
        requests: "DataRequests", holdings: "Holdings"
    ) -> "tuple[Verdict, list[Told], int]":
        from carport.data.contact import make_contact, take_key

        contact = await make_contact(requests, holdings)
        say_obeyed(contact)
        if holdings.keys.ledger is None:
            if contact.records.chain is None and contact.consent.grants:
                raise UsageError(
                    "to fetch the ledger's key would let recording go on, which an erasure has "
                    "ended: `carport data consent GROUP` does both"
                )
            await take_key(requests, holdings)
        keys = holdings.keys.ledger
        assert keys is not None
        pages = await read_pages(requests)
        verdict = verify(pages, keys)
        if verdict.is_whole:
            holdings.keys.saw_head(verdict.head)
        entries = [entry for page in pages for entry in page.entries]
        told = [open_entry(entry, keys) for entry in entries]
        return verdict, [entry for entry in told if entry is not None], told.count(None)

    verdict, told, closed = with_data(options, work)
    if since is not None:
        told = [entry for entry in told if entry.unix_s is None or entry.unix_s >= since]
    if options.as_json:
        entries = [] if is_verifying else [_as_json(entry) for entry in told]
        print_json(
            {
                "whole": verdict.is_whole,
                "entries_seen": verdict.head[0],
                "broken_at": verdict.broken_at,
                "problem": verdict.problem or None,
                "closed": closed,
                "entries": entries,
            }
        )
        if not verdict.is_whole:
            click.get_current_context().exit(CarportError.exit_code)
        return
    if not is_verifying:
        _show(told)
        if closed:
            click.echo(f"{closed} entries stay closed: the key of what they say was destroyed.")
    if not verdict.is_whole:
        raise CarportError(
            f"the ledger is broken at entry {verdict.broken_at} ({verdict.problem}): trust "
            "nothing from there on, and find out who had the board"
        )
    click.echo(f"The ledger is whole, up to entry {verdict.head[0]}.")


def _as_json(told: "Told") -> dict[str, Any]:
    return {
        "number": told.number,
        "unix_s": told.unix_s,
        "uptime_ms": told.uptime_ms,
        "kind": told.kind,
        "by": told.by,
        "detail": _plain(told.detail),
    }


def _plain(detail: Any) -> Any:
    """Return a detail as JSON takes it: bytes in hex."""
    if isinstance(detail, bytes):
        return detail.hex()
    if isinstance(detail, dict):
        return {str(key): _plain(value) for key, value in detail.items()}
    return [_plain(item) for item in detail] if isinstance(detail, list) else detail


def _show(entries: "list[Told]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from carport.cli.ledger_words import entry_in_words

    table = Table(box=None, pad_edge=False)
    table.add_column("NO", justify="right", style="dim")
    for heading in ("TIME", "BY", "WHAT"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        time = "not known" if entry.unix_s is None else local_time(entry.unix_s)
        row = (str(entry.number), time, entry.by, entry_in_words(entry.kind, _plain(entry.detail)))
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)
