"""`carport status`."""

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.cli.summary import summary_table


@click.command()
@gateway_options
def status(options: Options) -> None:
    """Show the car's state: locks, doors, climate, battery, each with its age.

    \b
    Examples:
      carport status
      carport status --json | jq '."Vehicle.Speed".value'
    """
    signals = options.run(lambda client: client.signals())
    if options.as_json:
        print_json({path: signal.as_json() for path, signal in signals.items()})
    else:
        from rich.console import Console

        Console().print(summary_table(signals))
