"""`carport can`: watch, send and replay frames on any bus that python-can knows."""

import click

from carport.cli.can_dump import dump
from carport.cli.can_replay import replay
from carport.cli.can_send import send


@click.group()
def can() -> None:
    """Watch, send and replay frames on a CAN bus.

    The bus is the running emulator's, or python-can's: by --interface and its companions, by
    CAN_INTERFACE, CAN_CHANNEL and CAN_CONFIG, or by a can.conf.

    \b
    Examples:
      carport can dump
      carport can dump --interface socketcan --channel can0 -o drive.log
      carport can send BODY_DoorStatus DoorFrontLeftOpen=1
      carport can replay drive.log
    """


for _command in (dump, send, replay):
    can.add_command(_command)
