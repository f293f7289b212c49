"""`carport keys backup` and `carport keys restore`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carport.cli import asking
from carport.cli.hidden_input import read_passphrase
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.errors import NotAuthorisedError, StoppedError, UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.dormant import Dormant
    from carport.client.principals import Principal

_passphrase_file = click.option(
    "--passphrase-file",
    "passphrase_source",
    metavar="FILE",
    help="Take the passphrase from its first line; - for stdin.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase_file
@gateway_options
def backup(options: Options, file: Path, passphrase_source: str | None) -> None:
    """Write a backup of your owner's key to FILE, sealed with a passphrase.

    It holds no key that works by itself: it lets you pair anew without the cable and the board's
    button. Whoever has the file and the passphrase is an owner.

    \b
    Examples:
      carport keys backup leaf.backup
      carport keys backup leaf.backup --passphrase-file -
    """
    from carport.client.backup import seal_backup, weakness
    from carport.client.private_files import new_private

    with new_private(file) as write:
        passphrase = read_passphrase(passphrase_source, "A passphrase for the backup", is_new=True)
        weak = weakness(passphrase)
        if weak is not None:
            raise UsageError(f"this passphrase is too weak, {weak}: choose five words or so")
        dormant = options.run(_make_dormant)
        write(seal_backup(dormant, passphrase))
    if options.as_json:
        print_json(
            {"gateway": dormant.gateway, "owner": dormant.grant.name, "file": str(file.resolve())}
        )
        return
    say(f"Wrote a backup of {dormant.gateway}'s owner {dormant.grant.name} to {file}.")
    say(
        "Keep it away from this computer, on a stick in a drawer, and the passphrase "
        "elsewhere.\nAfter a loss: carport keys restore FILE, in the network of the car."
    )


async def _make_dormant(client: "Client") -> "Dormant":
    from carport.client.dormant import Dormant

    you = _you(await client.principals())
    key = await client.enrol(is_dormant=True)
    return Dormant(
        gateway=client.gateway.name,
        addresses=client.gateway.addresses,
        grant=you,
        sender_id=key.sender_id,
        recipient_id=key.recipient_id,
        secret=key.secret,
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase_file
@click.option("--name", metavar="NAME", help="What to call the gateway here.")
@click.option("--replace", "is_replacing", is_flag=True, help="Forget the old keys of that name.")
@click.option(
    "--revoke-others/--keep-others",
    "is_revoking",
    default=None,
    help="End the keys on your other computers, such as the lost one, or keep them.",
)
@gateway_options
def restore(
    options: Options,
    file: Path,
    passphrase_source: str | None,
    name: str | None,
    is_replacing: bool,
    is_revoking: bool | None,
) -> None:
    """Pair anew with a backup, after a computer was lost, and lock the lost one out.

    \b
    Examples:
      carport keys restore leaf.backup
      carport keys restore leaf.backup --passphrase-file - --revoke-others
    """
    import asyncio
    from dataclasses import replace

    from carport.client.backup import read_backup
    from carport.client.pairing import pair_by

    if is_revoking is None and not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --revoke-others, or --keep-others")
    try:
        sealed = read_backup(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}): give a backup") from error
    dormant = sealed.open(read_passphrase(passphrase_source, "The backup's passphrase"))
    work = pair_by(
        dormant,
        name or options.gateway,
        is_replacing=is_replacing,
        via=options.via,
        port=options.port,
        timeout_s=options.timeout_s,
        refusal="the gateway does not take this backup any more: its owner was revoked, or "
        "the board was reset, so pair over the cable",
        on_log=options.log,
    )
    try:
        gateway = asyncio.run(work).gateway
    except KeyboardInterrupt as error:
        raise StoppedError(
            "interrupted: if `carport status` does not work yet, run this again"
        ) from error
    if not options.as_json:
        say(f"Paired with {gateway.name} again, you are its owner {dormant.grant.name}.")

    async def end_others(client: "Client") -> bool:
        you = _you(await client.principals())
        is_wanted = is_revoking
        if is_wanted is None:
            is_wanted = asking.confirm(
                f"End the keys of {you.name} on all other computers?", default=True
            )
        if is_wanted:
            await client.revoke_others(you.name)
        return is_wanted

    is_revoked = replace(options, gateway=gateway.name).run(end_others)
    if options.as_json:
        print_json(
            {"gateway": gateway.name, "owner": dormant.grant.name, "others_revoked": is_revoked}
        )
        return
    say(
        "Your keys on other computers "
        + ("have ended." if is_revoked else "still work: `carport keys list`.")
    )


def _you(principals: "list[Principal]") -> "Principal":
    for principal in principals:
        if principal.is_you:
            return principal
    raise NotAuthorisedError("the gateway does not say who we are: update the board")
