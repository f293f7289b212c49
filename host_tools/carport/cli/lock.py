"""`carport lock` and `carport unlock`."""

import click

from carport.cli.commands import carry_out
from carport.cli.options import Options, gateway_options


@click.command()
@gateway_options
def lock(options: Options) -> None:
    """Lock the car, and say so once it has shown that it did.

    \b
    Examples:
      carport lock
      carport lock --via serial --json
    """
    carry_out(options, "Locking", "Locked", lambda client: client.lock())


@click.command()
@gateway_options
def unlock(options: Options) -> None:
    """Unlock the car, and say so once it has shown that it did.

    \b
    Examples:
      carport unlock
      carport unlock --timeout 5
    """
    carry_out(options, "Unlocking", "Unlocked", lambda client: client.unlock())
