"""`carport keys revoke`."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from carport.cli import asking
from carport.cli.keys_list import held
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.errors import UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.principals import Principal


def _complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from carport.client.known_gateways import known_gateways

    wanted = ctx.params.get("gateway")
    gateways = [each for each in known_gateways() if wanted in (None, each.name)]
    names = {name for gateway in gateways for name in gateway.key_names}
    return sorted(name for name in names if name.startswith(incomplete))


@click.command()
@click.argument("name", shell_complete=_complete_name)
@click.option("--backups", "is_backups", is_flag=True, help="Only its backups.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@gateway_options
def revoke(options: Options, name: str, is_backups: bool, is_sure: bool) -> None:
    """End a key at once: all that its holder has, on all devices.

    The last owner's cannot be revoked.

    \b
    Examples:
      carport keys revoke anna
      carport keys revoke paul --backups
      carport keys revoke anna --yes --json
    """
    if not is_sure and not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes to revoke the key")

    async def work(client: "Client") -> "Principal":
        principal = await _find(client, name)
        if is_backups:
            principal = replace(principal, contexts=0, invitations=0)
        if not is_sure and not asking.confirm(_question(principal, is_backups)):
            raise UsageError("nothing was revoked: answer y to revoke the key")
        if is_backups:
            await client.revoke_backups(name)
        else:
            await client.revoke(name)
        return principal

    principal = options.run(work)
    ended = held(principal) or "nothing"
    if options.as_json:
        print_json({"name": name, "revoked": ended})
    elif is_backups:
        say(f"Revoked {ended} of {name}, whose key goes on.")
    else:
        say(f"{name} is revoked: {ended} ended.")
        if principal.is_you:
            say("That was your own key: this computer cannot talk to the gateway any more.")


async def _find(client: "Client", name: str) -> "Principal":
    principals = await client.principals()
    for principal in principals:
        if principal.name == name:
            return principal
    names = ", ".join(principal.name for principal in principals)
    raise UsageError(f"nobody called {name!r} has a key: use one of {names}")


def _question(principal: "Principal", is_backups: bool) -> str:
    holds = held(principal) or "nothing"
    if is_backups:
        return f"Revoke {holds} of {principal.name}, for good?"
    whose = "This is YOUR OWN key. " if principal.is_you else ""
    return f"{whose}Revoke {principal.name} ({principal.role}, {holds}), for good?"
