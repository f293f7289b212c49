"""`carport status`."""

from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.cli.summary import summary_table
from carport.cli.vss import profile_paths, signals_as_json

if TYPE_CHECKING:
    from carport.client import Client, Signals


@click.command()
@gateway_options
def status(options: Options) -> None:
    """Show the car's state: locks, doors, climate, battery, each with its age.

    \b
    Examples:
      carport status
      carport status --json | jq '."Vehicle.Speed".value'
    """

    async def ask(client: "Client") -> "tuple[Signals, str | None]":
        return await client.signals(), client.gateway.profile

    signals, profile = options.run(ask)
    paths = profile_paths(profile)
    if options.as_json:
        print_json(signals_as_json(signals, paths))
    else:
        from rich.console import Console

        Console().print(summary_table(signals, paths))
