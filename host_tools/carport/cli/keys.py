"""`carport keys`: who may talk to the gateway."""

import click

from carport.cli.keys_add import add
from carport.cli.keys_backup import backup, restore
from carport.cli.keys_list import list_keys
from carport.cli.keys_revoke import revoke


@click.group()
def keys() -> None:
    """Share the car, and take it back: keys, invitations, backups.

    \b
    Examples:
      carport keys list
      carport keys add anna --role guest --for 3d
      carport keys revoke anna
      carport keys backup leaf.backup
    """


for command in (list_keys, add, revoke, backup, restore):
    keys.add_command(command)
