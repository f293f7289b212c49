"""`carport data`: what the car records, under its owner's keys."""

import click

from carport.cli.data_consent import consent
from carport.cli.data_erase import erase
from carport.cli.data_export import export
from carport.cli.data_ledger import ledger
from carport.cli.data_live import live
from carport.cli.data_plot import plot
from carport.cli.data_status import status


@click.group()
def data() -> None:
    """The car's data stays home: consent to it, take it along, look at it, erase it.

    Nothing is recorded before you consent. What is recorded is sealed on the board; the keys are
    there and on this computer.

    \b
    Examples:
      carport data consent driving --purpose "fuel diary"
      carport data status
      carport data export --since 7d
      carport data plot trip
      carport data erase --all
    """


for command in (consent, status, export, live, plot, ledger, erase):
    data.add_command(command)
