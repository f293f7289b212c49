"""`carport pair`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli import asking
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json
from carport.errors import NotAuthorisedError, StoppedError, UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.keys import NewKey
    from carport.client.known_gateways import KnownGateway
    from carport.client.principals import Role


@click.command()
@click.option("--name", metavar="NAME", help="What to call the gateway.")
@click.option("--replace", "is_replacing", is_flag=True, help="Forget the old keys of that name.")
@click.option(
    "--context",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write one more OSCORE context there, for another CoAP program.",
)
@click.option(
    "--role",
    type=click.Choice(["owner", "driver", "viewer"]),
    help="With --context: for somebody new with this role, called as the folder is.",
)
@click.option(
    "--invitation",
    metavar="FILE",
    help="Use this key, which an owner has handed over; - to paste its text.",
)
@gateway_options
def pair(
    options: Options,
    name: str | None,
    is_replacing: bool,
    folder: Path | None,
    role: "Role | None",
    invitation: str | None,
) -> None:
    """Pair with a gateway over the cable and become its owner, or by an invitation.

    A new board takes the first who comes; later, hold its button for 3 s first. An invitation
    (see `carport keys add`) needs no cable. With --context, another program gets a key of its own,
    from a gateway that is paired already or now will be.

    \b
    Examples:
      carport pair
      carport pair --port /dev/ttyUSB0 --name leaf
      carport pair --invitation anna.carport
      carport pair --context ./phone --role driver
    """
    if invitation is not None:
        if folder is not None or role is not None:
            raise UsageError("--invitation is for this program: leave --context and --role out")
        _accept(options, invitation, name or options.gateway, is_replacing)
        return
    if role is not None and folder is None:
        raise UsageError("--role goes with --context: add the folder for the new key")
    gateway = _known(options, name) if folder is not None and not is_replacing else None
    paired: dict[str, Any] = {}
    if gateway is None:
        gateway, paired = pair_over_cable(options, name or options.gateway, is_replacing)
    if folder is not None:
        paired |= _enrol(options, gateway, folder, role)
    if options.as_json:
        print_json({"gateway": gateway.name, **_places(gateway), **paired})


def _known(options: Options, name: str | None) -> "KnownGateway | None":
    """Return the paired gateway that is meant: by name, by port, or the only one there is."""
    from carport.client.known_gateways import find_gateway, known_gateways

    gateways = known_gateways()
    name = name or options.gateway
    if name is not None:
        gateways = [each for each in gateways if each.name == name]
    elif options.port is not None:
        gateways = [each for each in gateways if each.serial_port == options.port]
    return find_gateway(name) if gateways else None


def pair_over_cable(
    options: Options, name: str | None, is_replacing: bool
) -> "tuple[KnownGateway, dict[str, Any]]":
    """Pair with the board on the cable; return the gateway, and what to tell of its car."""
    import asyncio

    from carport.client.known_gateways import known_gateways
    from carport.client.pairing import find_port
    from carport.client.pairing import pair as pair_at

    port = options.port or find_port(choose_port)
    work = pair_at(
        port, name, is_replacing=is_replacing, timeout_s=options.timeout_s, on_log=options.log
    )
    try:
        paired = asyncio.run(work)
    except NotAuthorisedError as error:
        known = [each.name for each in known_gateways() if each.serial_port == port]
        if not known:
            raise
        raise NotAuthorisedError(
            f"{known[0]} at {port} is paired with this computer already: to pair anew, hold the "
            "board's button for 3 s, then run `carport pair --replace` within a minute"
        ) from error
    except KeyboardInterrupt as error:
        raise StoppedError(
            "interrupted: if `carport status` does not work yet, pair again; if pairing is closed "
            "by then, hold the board's button for 3 s first"
        ) from error
    gateway, system = paired.gateway, paired.system
    assert system is not None  # an owner may ask
    if not options.as_json:
        where = gateway.addresses[0] if gateway.addresses else "not found on the network"
        click.echo(f"Paired with {gateway.name} ({system.car}), you are its owner.")
        click.echo(f"  cable {gateway.serial_port}, network {where}")
    return gateway, {"car": system.car, "profile": system.profile}


def _accept(options: Options, invitation: str, name: str | None, is_replacing: bool) -> None:
    """Pair by an invitation, and say what its receiver may do."""
    import asyncio

    from carport.cli.grants import in_words
    from carport.cli.hidden_input import read_text
    from carport.client.invitation import read_invitation
    from carport.client.pairing import pair_by

    dormant = read_invitation(read_text(invitation, "the invitation"))
    work = pair_by(
        dormant,
        name,
        is_replacing=is_replacing,
        via=options.via,
        port=options.port,
        timeout_s=options.timeout_s,
        refusal="this invitation was used already, or withdrawn: ask the owner for a new one",
        on_log=options.log,
    )
    try:
        paired = asyncio.run(work)
    except KeyboardInterrupt as error:
        raise StoppedError(
            "interrupted: if `carport status` does not work yet, run this again; if the "
            "invitation was used by then, ask for a new one"
        ) from error
    gateway, grant = paired.gateway, dormant.grant
    if options.as_json:
        fields = {"gateway": gateway.name, **_places(gateway), **grant.as_fields()}
        print_json(fields | {"profile": gateway.profile})
        return
    car = f" ({paired.system.car})" if paired.system else ""
    click.echo(f"Paired with {gateway.name}{car}, you are {grant.name}, its {grant.role}.")
    click.echo(f"  You may: {in_words(grant)}")
    if Path(invitation).is_file():
        click.echo(f"  {invitation} is spent: remove it.")


def choose_port(ports: list[str]) -> str:
    """Ask which port to use, or say that one must be given."""
    listed = ", ".join(ports)
    if not sys.stdin.isatty():
        raise UsageError(f"a gateway may be at several ports: add --port, one of {listed}")
    return str(asking.prompt("Which port", type=click.Choice(ports), default=ports[0]))


def _enrol(
    options: Options,
    gateway: "KnownGateway",
    folder: Path,
    role: "Role | None",
) -> dict[str, Any]:
    """Enrol one more context, write it to folder, and say how aiocoap's client uses it."""
    from dataclasses import replace

    from carport.client.contexts import write_context
    from carport.client.principals import Grant
    from carport.client.private_files import write_private

    if (folder / "settings.json").exists():
        raise UsageError(f"{folder} holds a context already: give another folder")
    grant = Grant(name=folder.resolve().name, role=role) if role else None

    async def enrol(client: "Client") -> "tuple[NewKey, list[str]]":
        return await client.enrol(grant), client.gateway.addresses

    key, addresses = replace(options, gateway=gateway.name).run(enrol)
    write_context(folder, key.sender_id, key.recipient_id, key.secret)
    address = addresses[0] if addresses else "HOST"
    credentials = {f"coap://{address}/*": {"oscore": {"basedir": str(folder.resolve())}}}
    credentials_file = folder / "credentials.json"
    write_private(credentials_file, json.dumps(credentials, indent=1) + "\n")
    command = f"aiocoap-client --credentials {credentials_file} coap://{address}/signals"
    if not options.as_json:
        click.echo(f"Wrote one more context to {folder}; {credentials_file.name} says for whom:")
        click.echo(f"  {json.dumps(credentials)}")
        click.echo(f"Use it with one program at a time, for example:\n  {command}")
    return {"context": str(folder.resolve()), "example": command}


def _places(gateway: "KnownGateway") -> dict[str, Any]:
    address = gateway.addresses[0] if gateway.addresses else None
    return {"address": address, "serial": gateway.serial_port}
