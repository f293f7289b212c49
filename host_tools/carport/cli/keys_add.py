"""`carport keys add`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carport.cli.grants import beginning, end, in_words, length
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.cli.qr import check_terminal, print_qr
from carport.errors import UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.dormant import Dormant
    from carport.client.principals import Grant, Role

_ROLES = ("owner", "driver", "guest", "service", "viewer")
_SCOPE = r"[a-z]+(:read)?"
_MAX_NAME_BYTES = 32


@click.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(_ROLES), help="What it is for.")
@click.option("--from", "not_before", metavar="TIME", type=beginning, help="Not before.")
@click.option("--until", metavar="TIME", type=end, help="Not after.")
@click.option("--for", "for_s", metavar="LONG", type=length, help="Instead of --until: 12h, 3d.")
@click.option(
    "--uses", metavar="N", type=click.IntRange(1, 65535), help="How many commands, no more."
)
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="Only this, such as climate, or lock:read to look; repeat for more.",
)
@click.option("--region", metavar="CC", help="The country whose records it may have, such as FR.")
@click.option("--file", type=click.Path(path_type=Path), help="Write the invitation there.")
@click.option("--qr", "is_qr", is_flag=True, help="Draw the invitation in this terminal.")
@gateway_options
def add(
    options: Options,
    name: str,
    role: "Role",
    not_before: int | None,
    until: int | None,
    for_s: int | None,
    uses: int | None,
    scopes: tuple[str, ...],
    region: str | None,
    file: Path | None,
    is_qr: bool,
) -> None:
    """Invite somebody: make a key that is handed over once, as a file or a QR code.

    \b
    owner    everything, other people's keys too
    driver   look and command
    guest    the same for a time (--from, --until, --for) or a number of --uses
    service  a program: exactly its --scopes
    viewer   look only

    \b
    Examples:
      carport keys add anna --role guest --for 3d --qr
      carport keys add paul --role driver --file paul.carport
      carport keys add oven --role service --scope climate --file oven.carport
    """
    from carport.client.principals import Grant

    if until is not None and for_s is not None:
        raise UsageError("--until and --for say the same: give one of them")
    not_after = until if for_s is None else (not_before or int(time.time())) + for_s
    grant = Grant(
        name=name,
        role=role,
        scopes=tuple(dict.fromkeys(scopes)),
        not_before=not_before,
        not_after=not_after,
        uses=uses,
        region=region and region.upper(),
    )
    _check(grant)
    _check_way(options, file, is_qr)
    if file is None:
        _show(_invite(options, grant))
    else:
        _write(options, grant, file)


def _check(grant: "Grant") -> None:
    """Raise UsageError for what no gateway takes."""
    import re

    if not grant.name.isprintable() or not 0 < len(grant.name.encode()) <= _MAX_NAME_BYTES:
        raise UsageError(f"a name is 1 to {_MAX_NAME_BYTES} letters and digits: choose another")
    last = grant.not_after
    if last is not None and last <= max(grant.not_before or 0, time.time()):
        raise UsageError("this key would never be valid: choose a later end")
    if grant.role == "guest" and last is None and grant.uses is None:
        raise UsageError("a guest's key ends by itself: add --for, --until or --uses")
    if grant.role == "service" and not grant.scopes:
        raise UsageError("a service may do what its scopes say: add --scope, such as climate")
    if grant.role == "owner" and grant.as_fields().keys() - {"name", "role", "region"}:
        raise UsageError("nothing limits an owner: leave the limits out, or choose another role")
    for scope in grant.scopes:
        if not re.fullmatch(_SCOPE, scope):
            raise UsageError(f"{scope!r} is no scope: write climate, or climate:read")
    if grant.region is not None and not re.fullmatch("[A-Z]{2}", grant.region):
        raise UsageError(f"{grant.region!r} is no country: write two letters, such as FR")


def _check_way(options: Options, file: Path | None, is_qr: bool) -> None:
    """Raise UsageError unless the invitation can be handed over in the way that was chosen."""
    if file is not None and is_qr:
        raise UsageError("an invitation is handed over once: give --file or --qr")
    if file is None and options.as_json:
        raise UsageError("a QR code is for people, not for --json: add --file KEY.carport")
    if file is None:
        check_terminal()


def _invite(options: Options, grant: "Grant") -> "Dormant":
    """Make the key on the gateway; return what is handed over."""
    from carport.client.dormant import Dormant

    async def work(client: "Client") -> Dormant:
        if any(each.name == grant.name for each in await client.principals()):
            raise UsageError(
                f"{grant.name} has a key already: choose another name, or revoke it first"
            )
        key = await client.enrol(grant, is_dormant=True)
        gateway = client.gateway
        client.gateway = gateway.knows_keys([*gateway.key_names, grant.name])
        return Dormant(
            gateway=gateway.name,
            addresses=gateway.addresses,
            grant=grant,
            sender_id=key.sender_id,
            recipient_id=key.recipient_id,
            secret=key.secret,
        )

    return options.run(work)


def _write(options: Options, grant: "Grant", file: Path) -> None:
    """Write the invitation to a file that was not there before."""
    from carport.client.invitation import invitation_file
    from carport.client.private_files import new_private

    with new_private(file) as write:
        dormant = _invite(options, grant)
        write(invitation_file(dormant, file.name))
    if options.as_json:
        print_json({"gateway": dormant.gateway, **grant.as_fields(), "file": str(file.resolve())})
        return
    say(f"Wrote an invitation for {grant.name}, {grant.role}, to {file}.")
    say(f"  It allows: {in_words(grant)}")
    say(
        f"Hand the file over unseen; it works once. Its receiver, near the car, runs:\n"
        f"  carport pair --invitation {file.name}"
    )


def _show(dormant: "Dormant") -> None:
    """Draw the invitation in the terminal."""
    from carport.client.invitation import invitation_text

    grant = dormant.grant
    print_qr(invitation_text(dormant))
    say(f"An invitation for {grant.name}, {grant.role}: {in_words(grant)}")
    say(
        "It works once, for whoever comes first, and is not shown again. Its receiver scans it, "
        "and near the car runs\n  carport pair --invitation -\n"
        "and pastes the text. Clear this screen afterwards."
    )
