"""`carport discover`."""

from typing import Any

import click

from carport.cli.output import print_json, say


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
    known = known_gateways()
    names = {address: each.name for each in known for address in each.addresses}
    answered = asyncio.run(ask(timeout_s))
    found: list[dict[str, Any]] = [
        {"address": address, "name": names.get(address), "serial": emulated.get(address)}
        for address in dict.fromkeys([*emulated, *answered])
    ]
    here = {gateway["name"] for gateway in found if gateway["address"] in answered}
    asleep = [each for each in known if each.wakes_each_s is not None and each.name not in here]
    if as_json:
        silent = [{"name": each.name, "wakes_each_s": each.wakes_each_s} for each in asleep]
        print_json({"gateways": found, "maybe_asleep": silent})
    elif not found and not asleep:
        say(
            "No gateway answers: check that the board is powered and on this network. "
            "The first pairing needs the cable: `carport pair`."
        )
    for gateway in [] if as_json else found:
        serial = f", cable {gateway['serial']} (emulated)" if gateway["serial"] else ""
        say(f"{gateway['address']}  {gateway['name'] or 'not paired'}{serial}")
    for each in [] if as_json else asleep:
        say(f"{each.name} does not answer: {each.asleep}")
