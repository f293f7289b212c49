"""`carport keys list`."""

import time
from typing import TYPE_CHECKING

import click

from carport.cli.grants import limits, may_do
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.duration import duration

if TYPE_CHECKING:
    from rich.table import Table

    from carport.client import Client
    from carport.client.principals import Principal


@click.command(name="list")
@gateway_options
def list_keys(options: Options) -> None:
    """Show who has a key, what it allows, and when it was last used.

    \b
    Examples:
      carport keys list
      carport keys list --json | jq -r '.keys[].name'
    """

    async def ask(client: "Client") -> "list[Principal]":
        return await client.principals()

    principals = options.run(ask)
    if options.as_json:
        print_json({"keys": [principal.as_json() for principal in principals]})
    else:
        from rich.console import Console

        Console().print(_table(principals, time.time()))


def _table(principals: "list[Principal]", now_s: float) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("NAME", style="bold")
    for heading in ("ROLE", "MAY", "LIMITS", "HOLDS", "LAST USED"):
        table.add_column(heading)
    for each in principals:
        table.add_row(
            escape(each.name) + (" (you)" if each.is_you else ""),
            each.role,
            escape(may_do(each)),
            ", ".join(limits(each)) or "-",
            held(each) or "-",
            _ago(each.last_used, now_s),
        )
    return table


def held(principal: "Principal") -> str:
    """Return what a principal has: "2 keys, 1 invitation"."""
    counts = {
        "key": principal.contexts,
        "invitation": principal.invitations,
        "backup": principal.backups,
    }
    return ", ".join(
        f"{count} {what if count == 1 else what + 's'}" for what, count in counts.items() if count
    )


def _ago(unix_s: int | None, now_s: float) -> str:
    if unix_s is None:
        return "never"
    past_s = now_s - unix_s
    return "just now" if past_s < 60 else f"{duration(round(past_s * 1000))} ago"
