"""`carport provision`."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli import asking
from carport.cli.options import Options, complete_car, gateway_options
from carport.cli.provision_outcome import Outcome, tell
from carport.errors import (
    CarportError,
    NoAnswerError,
    NotConfirmedError,
    StoppedError,
    UsageError,
)
from carport.extras import check_installed

if TYPE_CHECKING:
    from carport.cli.near import Near
    from carport.cli.provision_wishes import Wishes
    from carport.client import Client
    from carport.client.known_gateways import KnownGateway
    from carport.client.settings import BoardSettings

_REMEDIES = {
    "wrong password": "run `carport provision --wifi {ssid}` and type its password again",
    "no such network": "check its name, and that it is one of 2.4 GHz and within reach",
    "connecting": "move the board nearer to the access point, then look with `carport doctor`",
}


@click.command()
@click.option("--name", metavar="NAME", help="What to call the gateway, on the board and here.")
@click.option("--region", metavar="CC", help="The country where the car is, such as DE.")
@click.option("--wifi", metavar="SSID", help="The Wi-Fi network that the board joins.")
@click.option(
    "--wifi-password-file",
    metavar="FILE",
    help="Its password is the file's first line, - for stdin; else it is asked for.",
)
@click.option("--no-wifi", is_flag=True, help="Join no network.")
@click.option(
    "--access-point/--no-access-point",
    default=None,
    help="Open a network of the board's own, with a new password; for a car away from home.",
)
@click.option(
    "--power",
    type=click.Choice(["reachable", "stored"]),
    help="Always awake, or in deep sleep while nothing happens.",
)
@click.option("--interval", metavar="TIME", help="How long it sleeps at most: 15m, 2h.")
@click.option("--low-voltage", type=float, metavar="V", help="Below it, it sleeps in any case.")
@click.option(
    "--car",
    metavar="NAME",
    shell_complete=complete_car,
    help="Which car it is in; sent as an update.",
)
@click.option(
    "--file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take what is left out here from a TOML file.",
)
@click.option("--show", is_flag=True, help="Show what is set, and change nothing.")
@gateway_options
def provision(options: Options, file: Path | None, show: bool, **given: Any) -> int:
    """Set a gateway up: name, region, Wi-Fi, access point, power, car.

    Over the cable; over the network where there is none. In a terminal you are asked for
    everything, unless options say what to change. Passwords are typed without being shown, or read
    from a file; the access point's is made here, and shown once.

    \b
    Examples:
      carport provision
      carport provision --name leaf --region DE --wifi home
      carport provision --access-point --power stored --interval 30m
      carport provision --file leaf.toml
      carport provision --show
    """
    from carport.cli.near import Near
    from carport.cli.provision_wishes import from_file, from_options

    wishes = from_options(given)
    if file is not None:
        wishes = wishes.over(from_file(file))
    if show and wishes.is_any:
        raise UsageError("--show changes nothing: leave the other options out")
    if not (show or wishes.is_any or sys.stdin.isatty()):
        raise UsageError("nobody can answer here: say what to set, or add --file or --show")
    if wishes.car is not None:
        check_installed("flash", "cantools")
    near = Near(options, _find_or_pair(options, wishes.name))
    found = near.run(_look)
    if show:
        return tell(options, near.gateway.name, found, [])
    if not wishes.is_any:
        from carport.cli.provision_form import ask_wishes

        wishes = ask_wishes(found.settings, near.gateway.name)
    return apply_wishes(options, near, found.settings, wishes.with_password())


def apply_wishes(
    options: Options, near: "Near", present: "BoardSettings", wishes: "Wishes"
) -> int:
    """Set what is wanted where that is present, say what came of it, and return the exit code.

    Raises:
        CarportError: nothing is set; or, without --json, it is but something does not work.
    """
    from carport.client.settings import change_settings, difference, new_password

    wanted = wishes.applied_to(present)
    is_renamed = wishes.name not in (None, near.gateway.name)
    if is_renamed:
        _check_free(wanted.name)
    ap_password = new_password() if wishes.access_point else None
    changes = difference(present, wanted, wishes.wifi_password, ap_password)
    leaves = near.via == "lan" and "wifi" in changes
    if leaves:
        _warn_of_leaving(near.gateway.name, options)
    boot = near.run(lambda client: change_settings(client, changes)) if changes else None
    try:
        with _waiting(options, boot is not None):
            outcome = near.run(lambda client: _settle(client, boot))
    except KeyboardInterrupt:
        if boot is None:
            raise
        text = "interrupted: the settings are stored, look with `carport provision --show`"
        outcome = Outcome(wanted, problem=StoppedError(text))
    except CarportError as error:
        has_left = leaves and isinstance(error, NoAnswerError)
        outcome = Outcome(wanted, problem=_has_left(near.gateway.name) if has_left else error)
    name = near.gateway.name
    if is_renamed:
        try:
            name = _rename(near.gateway, wanted.name)
        except UsageError as error:
            outcome = replace(outcome, problem=outcome.problem or error)
    changed = ["access_point" if setting == "ap" else setting for setting in sorted(changes)]
    if wishes.car not in (None, outcome.car) and outcome.problem is None:
        try:
            _change_car(options, near, name, wishes.car)
            outcome = replace(outcome, car=wishes.car)
            changed.append("car")
        except CarportError as error:
            outcome = replace(outcome, problem=error)
    return tell(options, name, outcome, changed, ap_password)


def _change_car(options: Options, near: "Near", name: str, car: str) -> None:
    """Bring the board its firmware with another car's profile."""
    from carport.cli.update import bring

    bring(replace(options, gateway=name, via=near.via), None, car, False, True)


async def _settle(client: "Client", boot: bytes | None) -> Outcome:
    """Return what is set, once the board has started after that run, and joined its Wi-Fi."""
    from carport.client.settings import CONNECTED, await_start, await_wifi

    if boot is not None:
        await await_start(client, boot)
    wifi = await await_wifi(client)
    outcome = await _look(client)
    if wifi is None or wifi.state == CONNECTED:
        return outcome
    ssid = outcome.settings.wifi
    remedy = _REMEDIES.get(wifi.state, "look with `carport doctor`").format(ssid=ssid)
    text = f"the settings are stored, but {ssid} is not joined ({wifi.state}): {remedy}"
    return replace(outcome, wifi=wifi, problem=NotConfirmedError(text))


async def _look(client: "Client") -> Outcome:
    """Return what is set now."""
    from carport.client.settings import decode_wifi, read_settings

    system = await client.system()
    return Outcome(await read_settings(client), decode_wifi(system), system.profile)


def _find_or_pair(options: Options, name: str | None) -> "KnownGateway":
    """Return the gateway that is meant; offer to pair with one if none is known."""
    from carport.client.known_gateways import find_gateway, known_gateways

    if known_gateways() or not sys.stdin.isatty():
        return find_gateway(options.gateway)
    question = "No gateway is paired with this computer yet: pair with the one on the cable?"
    if not asking.confirm(question, default=True):
        return find_gateway(options.gateway)
    from carport.cli.pair import pair_over_cable

    return pair_over_cable(options, name or options.gateway, is_replacing=False)[0]


def _check_free(name: str) -> None:
    """Raise UsageError if this computer knows another gateway, or data of one, by a name."""
    from carport.client.known_gateways import known_gateways
    from carport.data.holdings import is_holding

    if is_holding(name) or any(each.name == name for each in known_gateways()):
        raise UsageError(f"another gateway is, or was, called {name} here: choose another name")


def _rename(gateway: "KnownGateway", name: str) -> str:
    """Call a gateway by its new name on this computer too, with the data that it has of it."""
    from carport.client.known_gateways import rename
    from carport.data.holdings import rename_holdings

    rename(gateway, name)
    rename_holdings(gateway.name, name)
    return name


def _warn_of_leaving(name: str, options: Options) -> None:
    """Say that Wi-Fi is about to change over Wi-Fi; ask, unless the network was asked for."""
    text = (
        f"{name} is reached over the network, not the cable: if its new Wi-Fi does not work, only "
        "the cable helps."
    )
    if options.via == "lan" or not sys.stdin.isatty():
        if options.via != "lan":
            raise UsageError(
                f"{name} is not on the cable, and may be out of reach with another Wi-Fi: connect "
                "the cable, or add --via lan"
            )
        click.echo(text, err=True)
    elif not asking.confirm(f"{text} Go on?", default=False):
        raise UsageError("nothing is changed: connect the cable, then run this again")


def _has_left(name: str) -> NoAnswerError:
    return NoAnswerError(
        f"the settings are stored, and {name} does not answer here any more: join its new "
        "network, or connect the cable and look with `carport doctor`"
    )


def _waiting(options: Options, is_shown: bool) -> AbstractContextManager[object]:
    """Show that the board starts and joins its network, in a terminal."""
    from rich.console import Console

    if not is_shown or options.as_json:
        return nullcontext()
    return Console(stderr=True).status("The board starts again with its new settings")
