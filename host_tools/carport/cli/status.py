"""`carport status`."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.cli.summary import summary_table
from carport.cli.vss import profile_paths, signals_as_json
from carport.errors import CarportError

if TYPE_CHECKING:
    from carport.client import Client, Signals
    from carport.client.known_gateways import KnownGateway


@click.command()
@gateway_options
def status(options: Options) -> None:
    """Show the car's state: locks, doors, climate, battery, each with its age.

    \b
    Examples:
      carport status
      carport status --json | jq '."Vehicle.Speed".value'
    """

    async def ask(client: "Client") -> "tuple[Signals, KnownGateway]":
        signals = await client.signals()
        with suppress(CarportError):  # a key that may not ask, or nobody answers any more
            await client.system()  # the client remembers whether it sleeps
        return signals, client.gateway

    signals, gateway = options.run(ask)
    paths = profile_paths(gateway.profile)
    if options.as_json:
        print_json(signals_as_json(signals, paths))
    else:
        from rich.console import Console

        Console().print(summary_table(signals, paths))
        if gateway.wakes_each_s is not None:
            click.echo(f"\nWhen {gateway.name} does not answer, {gateway.asleep}.")
