"""`carport data status`."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from carport.cli.data_session import say_obeyed, with_data
from carport.cli.data_words import DAY_S, each, last_day, size
from carport.cli.grants import local_time
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.duration import duration

if TYPE_CHECKING:
    from carport.client.data import DataRequests
    from carport.data.archive import Summary
    from carport.data.contact import Contact
    from carport.data.holdings import Holdings
    from carport.data.wear import Wear

_SOON_S = 30 * DAY_S


@click.command()
@gateway_options
def status(options: Options) -> None:
    """Show what is recorded, how much, how long it lasts, and what an erasure waits for.

    \b
    Examples:
      carport data status
      carport data status --json | jq .flash.years
    """
    from carport.data.contact import make_contact
    from carport.data.wear import project

    async def work(
        requests: "DataRequests", holdings: "Holdings"
    ) -> "tuple[Contact, Wear, Summary]":
        contact = await make_contact(requests, holdings)
        records = contact.records
        uptime_ms = (await requests.clock()).uptime_ms
        wear = project(records.writes, records.bytes, uptime_ms)
        return contact, wear, holdings.archive.summary()

    contact, wear, summary = with_data(options, work)
    if options.as_json:
        print_json(_as_json(contact, wear, summary))
    else:
        say_obeyed(contact)
        _show(contact, wear, summary)


def _as_json(contact: "Contact", wear: "Wear", summary: "Summary") -> dict[str, Any]:
    records = contact.records
    return {
        "recording": records.recording,
        "since": {group: grant.at for group, grant in contact.consent.grants.items()},
        "until": {group: grant.until for group, grant in contact.consent.grants.items()},
        "keep_days": {group: each.keep_days for group, each in contact.consent.grants.items()},
        "region": contact.region,
        "blocks": records.next - records.first,
        "since_boot": {
            "rows": records.rows,
            "bytes": records.bytes,
            "block_writes": records.writes,
        },
        "flash": asdict(wear),
        "holders": records.holders,
        "erasing": records.erasing,
        "erasure_waits_for": _waiting(contact),
        "here": asdict(summary),
    }


def _show(contact: "Contact", wear: "Wear", summary: "Summary") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for what, text in _lines(contact, wear, summary):
        table.add_row(what, escape(text))
    Console().print(table)


def _lines(contact: "Contact", wear: "Wear", summary: "Summary") -> list[tuple[str, str]]:
    records, consent = contact.records, contact.consent
    lines = [("Recording", _recording(contact))]
    lines += [
        ("", f"{group}: {each(grant.interval_s)}, kept {grant.keep_days} days, since "
             f"{local_time(grant.at)}, until {last_day(grant.until)}, for {grant.purpose}")
        for group, grant in consent.grants.items()
        if group in records.recording
    ]  # fmt: skip
    lines.append(("Region", contact.region or "none declared yet"))
    lines.append(("On the board", f"{records.next - records.first} blocks of 4 KiB, 240 at most"))
    if wear.is_known:
        lines.append(
            (
                "Since its start",
                f"{records.rows} rows, {size(records.bytes)}: {size(wear.bytes_a_day)} a day",
            )
        )
        room = duration(round(wear.days_of_room * 86_400_000))
        lines.append(("Room", f"for {room} like that, then the oldest goes"))
        lines.append(("Flash", _wear_text(wear)))
    lines.append(("Keys", ", ".join(records.holders) or "nobody has one"))
    if summary.blocks and summary.first_unix_s is not None and summary.last_unix_s is not None:
        lines.append(
            (
                "Here",
                f"{summary.rows} rows in {summary.blocks} blocks, from "
                f"{local_time(int(summary.first_unix_s))} to "
                f"{local_time(int(summary.last_unix_s))}",
            )
        )
    else:
        lines.append(("Here", "nothing: `carport data export` fetches it"))
    now_s = time.time()
    for group, grant in consent.grants.items():
        if now_s < grant.until <= now_s + _SOON_S:
            lines.append(("Ends soon", f"consent to {group}, on {last_day(grant.until)}"))
    for region, transfer in consent.transfers.items():
        if now_s < transfer.until:
            lines.append(
                ("Transfer", f"keys of {region} may read all until {last_day(transfer.until)}")
            )
    if records.erasing:
        lines.append(("Erasing", "blocks are still being deleted; their keys are gone"))
    if waiting := _waiting(contact):
        lines.append(("INCOMPLETE", f"an erasure waits for {', '.join(waiting)} to destroy keys"))
    return lines


def _recording(contact: "Contact") -> str:
    if contact.records.recording:
        return ", ".join(contact.records.recording)
    if contact.records.chain is None and contact.consent.grants:
        return "nothing: the keys were erased; `carport data consent GROUP` begins anew"
    return "nothing: `carport data consent GROUP` allows it"


def _wear_text(wear: "Wear") -> str:
    years = "more than 1000" if wear.years > 1000 else f"about {wear.years:.0f}"
    return (
        f"{wear.block_writes} blocks stored, about {wear.erases_a_day:.0f} erases a day: {years} "
        f"years, if each block takes {wear.cycles:,} and the car drives on like that"
    )


def _waiting(contact: "Contact") -> list[str]:
    return sorted({name for each in contact.records.erasures for name in each.waiting})
