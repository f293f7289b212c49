"""`carport demo`."""

import logging

import click

from carport.extras import check_installed


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each step.")
def demo(as_json: bool) -> int:
    """Show the whole story on this machine: pair, lock, heat, and what is refused.

    It needs no board, no car and no network, takes under a minute, and leaves nothing behind.

    \b
    Examples:
      carport demo
      carport demo --json
    """
    check_installed("emulator", "can", "cantools")
    from carport.demo.tell import tell

    logging.basicConfig(level=logging.CRITICAL)
    return 0 if tell(as_json) else 1
