"""`carport discover`."""

from typing import Any

import click

from carport.cli.output import print_json


@click.command()
@click.option(
    "--timeout",
    "timeout_s",
    metavar="S",
    type=click.FloatRange(0, 60),
    default=2.0,
    show_default=True,
    help="Seconds to listen for answers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def discover(timeout_s: float, as_json: bool) -> None:
    """List the gateways on this network, and the emulators on this machine.

    Anybody may answer here: a gateway proves itself only when it is talked to.

    \b
    Examples:
      carport discover
      carport discover --timeout 5 --json
    """
    import asyncio

    from carport.client.emulators import running_emulators
    from carport.client.known_gateways import known_gateways
    from carport.client.lan import discover as ask

    emulated = {emulator.address: emulator.serial_port for emulator in running_emulators()}
    names = {address: known.name for known in known_gateways() for address in known.addresses}
    found: list[dict[str, Any]] = [
        {"address": address, "name": names.get(address), "serial": emulated.get(address)}
        for address in dict.fromkeys([*emulated, *asyncio.run(ask(timeout_s))])
    ]
    if as_json:
        print_json({"gateways": found})
    elif not found:
        click.echo(
            "No gateway answers: check that the board is powered and on this network. "
            "The first pairing needs the cable: `carport pair`."
        )
    for gateway in [] if as_json else found:
        serial = f", cable {gateway['serial']} (emulated)" if gateway["serial"] else ""
        click.echo(f"{gateway['address']}  {gateway['name'] or 'not paired'}{serial}")
