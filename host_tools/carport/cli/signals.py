"""`carport signals`."""

from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, value_text
from carport.cli.vss import all_paths, signals_as_json
from carport.duration import duration

if TYPE_CHECKING:
    from carport.client import Signals


def _complete_path(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [path for path in all_paths() if path.startswith(incomplete)]


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, shell_complete=_complete_path)
@gateway_options
def signals(options: Options, paths: tuple[str, ...]) -> None:
    """Show signals by VSS path, all or those named, with their ages.

    \b
    Examples:
      carport signals
      carport signals Vehicle.Speed Vehicle.Cabin.HVAC.AmbientAirTemperature
      carport signals --json | jq '."Vehicle.Speed".value'
    """
    found = options.run(lambda client: client.signals(paths))
    if options.as_json:
        print_json(signals_as_json(found, list(paths)))
    else:
        _print_table(found)
        for path in paths:
            if path not in found:
                click.echo(f"{path} is not known at present")


def _print_table(signals: "Signals") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("signal", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("age", justify="right", style="dim", no_wrap=True)
    for path, signal in sorted(signals.items()):
        table.add_row(path, value_text(signal.value, signal.unit), duration(signal.age_ms))
    Console().print(table)
