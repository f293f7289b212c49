"""`carport arm`."""

import asyncio
from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.errors import RefusedError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.arming import Arming

_POLL_S = 0.5


@click.command()
@click.option("--off", "is_off", is_flag=True, help="Let it only listen again, at once.")
@gateway_options
def arm(options: Options, is_off: bool) -> None:
    """Let the gateway send to the car, once its button is pressed.

    Until then it listens silently, and refuses every command. It stays armed until --off.

    \b
    Examples:
      carport arm
      carport arm --off
    """

    async def work(client: "Client") -> "tuple[Arming, str]":
        arming = await client.disarm() if is_off else await client.arm()
        if arming.button_s:
            _ask_for_button(arming, options.as_json)
        while arming.button_s:
            await asyncio.sleep(min(_POLL_S, arming.button_s))
            arming = await client.arming()
        return arming, client.gateway.name

    arming, name = options.run(work)
    if not (arming.is_armed or is_off):
        raise RefusedError(
            "the board's button was not pressed in time: run `carport arm` again, then press it"
        )
    if options.as_json:
        print_json({"gateway": name, "armed": arming.is_armed})
    elif arming.is_armed:
        say(f"{name} is armed: it may send to the car, until `carport arm --off`.")
    else:
        say(f"{name} is not armed: it only listens to the car.")


def _ask_for_button(arming: "Arming", as_json: bool) -> None:
    if not as_json:
        line = f"Press the board's button shortly, within {arming.button_s:.0f} s ..."
        say(line, err=True)
