"""`carport can send`."""

import time
from typing import TYPE_CHECKING

import click

from carport.cli.can_bus import (
    NEEDED,
    BusOptions,
    bus_options,
    check_may_send,
    counted,
    load_dictionary,
    yes_option,
)
from carport.cli.output import print_json
from carport.errors import CarportError
from carport.extras import check_installed

if TYPE_CHECKING:
    from carport.traffic.dictionary import Dictionary


def _complete_assignment(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete `SIGNAL=` of the message that was named, and then the names of its values."""
    try:
        message = _dictionary(ctx).message(ctx.params["what"])
    except CarportError:
        return []
    from carport.profile.signals import names as names_of

    found = []
    for signal in message.definition.signals:
        found.append(f"{signal.name}=")
        if incomplete.startswith(found[-1]):
            names = names_of(signal).values()
            found += [f"{signal.name}={name}" for name in names]
    return [each for each in found if each.startswith(incomplete)]


def _complete_message(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a message."""
    try:
        profile = _dictionary(ctx).profile
    except CarportError:
        return []
    names = profile.messages if profile else ()
    return [each for each in names if each.startswith(incomplete)]


def _dictionary(ctx: click.Context) -> "Dictionary":
    """Return the names of the car that is meant on a command line which is still written."""
    check_installed("emulator", *NEEDED)
    from carport.traffic.connection import find_connection

    car = ctx.params.get("car")
    if car is None:
        car = find_connection({}, ctx.params.get("state")).car
    return load_dictionary(car)


@click.command()
@click.argument("what", metavar="ID#BYTES|MESSAGE", shell_complete=_complete_message)
@click.argument(
    "assignments", metavar="[SIGNAL=VALUE]...", nargs=-1, shell_complete=_complete_assignment
)
@click.option("--repeat", metavar="N", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--period-ms", metavar="P", type=click.FloatRange(min=0), default=100, show_default=True
)
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bus_options
def send(
    bus: BusOptions,
    what: str,
    assignments: tuple[str, ...],
    repeat: int,
    period_ms: float,
    is_sure: bool,
    as_json: bool,
) -> None:
    """Send a frame, given in candump's notation or by name.

    By name, its checksum and counter are right: the counter begins anywhere and counts on, or
    begins where COUNTER=N says. What is not named asks for nothing. Named in full, a checksum is
    sent as it is, right or wrong. An extended id has 8 digits.

    \b
    Examples:
      carport can send 200#0011223344556677
      carport can send BODY_DoorStatus DoorFrontLeftOpen=1
      carport can send GW_BodyCommand LockRequest=Lock --repeat 5
      carport can send 18FEF100#01.02 --interface socketcan --channel can0 --yes
    """
    connection = bus.connection()
    from carport.traffic.compose import compose
    from carport.traffic.dictionary import Dictionary
    from carport.traffic.selection import id_text
    from carport.traffic.sender import Sender

    dictionary = Dictionary(None) if "#" in what else bus.dictionary(connection)
    make = compose(what, assignments, dictionary)
    check_may_send(connection, is_sure)
    with Sender(connection) as sender:
        begin_s = time.monotonic()
        for number in range(repeat):
            sender.idle(begin_s + number * period_ms / 1000 - time.monotonic())
            frame = make()
            sender.send(frame)
        sender.flush()
    text = id_text(frame.arbitration_id, frame.is_extended_id)
    data = bytes(frame.data).hex().upper()
    if as_json:
        print_json({"id": text, "data": data.lower(), **counted([sender])})
    else:
        times = f" {repeat} times, the last one" if repeat > 1 else ""
        click.echo(f"Sent {what}{times} as {text}#{data}, {sender.told}.")
