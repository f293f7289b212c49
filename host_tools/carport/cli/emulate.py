"""`carport emulate`: a gateway and its car on this machine, until it is interrupted."""

import asyncio
import signal
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carport.cli.options import complete_car
from carport.cli.output import print_json, print_log
from carport.emulator import DEFAULT_CAR
from carport.extras import check_installed

if TYPE_CHECKING:
    from carport.emulator.emulator import Emulator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PORT = click.IntRange(0, 65535)


def _interface(value: str) -> IPv4Interface:
    """Return an address with the length of its network's prefix."""
    try:
        interface = IPv4Interface(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value} is no IPv4 address with a prefix, as 192.168.1.7/24"
        ) from error
    if "/" not in value:
        raise click.BadParameter(f"the network is missing: {value}/24, for example")
    return interface


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the board's flash and the car here; else nothing is kept.",
)
@click.option(
    "--car",
    metavar="NAME",
    default=DEFAULT_CAR,
    show_default=True,
    shell_complete=complete_car,
    help="Which car.",
)
@click.option(
    "--coap-port", type=_PORT, metavar="N", help="UDP port of the gateway, 0 for any free one."
)
@click.option("--can-port", type=_PORT, metavar="N", help="TCP port of the CAN hub, likewise.")
@click.option(
    "--seed", default=1, show_default=True, metavar="N", help="Equal seeds make equal cars."
)
@click.option(
    "--listen-only", is_flag=True, help="Send nothing before `carport arm`, as a board in a car."
)
@click.option(
    "--listen",
    type=_interface,
    metavar="ADDRESS/PREFIX",
    help="Serve that network, from that address of this machine; else only this machine.",
)
@click.option(
    "--factory", is_flag=True, help="Run the firmware that is installed here, no update."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when ready.")
def emulate(
    state: Path | None,
    car: str,
    coap_port: int | None,
    can_port: int | None,
    seed: int,
    listen_only: bool,
    listen: IPv4Interface | None,
    factory: bool,
    as_json: bool,
) -> None:
    """Run a gateway and its car on this machine, until Ctrl-C.

    The gateway is the firmware of the board in a real MicroPython VM, with the memory of an ESP32.

    \b
    Examples:
      carport emulate
      carport emulate --state ~/my-emulated-car
      carport emulate --listen-only
    """
    check_installed("emulator", "can", "cantools")
    from carport.emulator.emulator import Emulator

    emulator = Emulator(
        state, car, coap_port, can_port, seed, print_log, listen_only, listen, is_factory=factory
    )
    asyncio.run(_run(emulator, state is not None, as_json))


async def _run(emulator: "Emulator", is_kept: bool, as_json: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    starting = asyncio.create_task(emulator.start())
    interrupted = asyncio.create_task(stopping.wait())
    await asyncio.wait((starting, interrupted), return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        _print_endpoints(emulator, is_kept, as_json)
        await interrupted
        await emulator.stop()
    else:
        starting.cancel()
        await asyncio.wait((starting,))


def _print_endpoints(emulator: "Emulator", is_kept: bool, as_json: bool) -> None:
    endpoints = emulator.endpoints
    if as_json:
        print_json(endpoints)
        return
    can = endpoints["can"]
    kept = "" if is_kept else ", removed at the end"
    click.echo(f"gateway  {endpoints['coap']}")
    click.echo(f"cable    {endpoints['serial']}")
    click.echo(f"CAN      socketcand {can['host']}:{can['port']}, {' '.join(can['channels'])}")
    click.echo(f"state    {endpoints['state']}{kept}")
    click.echo("\nIn another terminal: carport pair\nCtrl-C ends it.")
