"""`carport data erase`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from carport.cli import asking
from carport.cli.data_session import with_data
from carport.cli.data_words import counted, day, past
from carport.cli.options import Options, gateway_options, stoppable
from carport.cli.output import print_json, say
from carport.errors import NoAnswerError, UsageError

if TYPE_CHECKING:
    from carport.client.data import DataRequests, Records
    from carport.data.holdings import Holdings

_REST = (
    "Not reached by this: files you exported, backups and snapshots of this disk, and other "
    "computers of yours that have exported: run `carport data erase --all --here` there."
)


@click.command()
@click.option("--all", "is_all", is_flag=True, help="Everything that was recorded.")
@click.option("--before", metavar="TIME", type=past, help="What is older: 30d, 2026-11-01.")
@click.option(
    "--owner-change", "is_owner_change", is_flag=True, help="Everything the board ever learnt."
)
@click.option("--ledger", "is_ledger", is_flag=True, help="What the ledger's entries say.")
@click.option("--here", "is_here", is_flag=True, help="On this computer alone.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@gateway_options
def erase(
    options: Options,
    is_all: bool,
    before: int | None,
    is_owner_change: bool,
    is_ledger: bool,
    is_here: bool,
    is_sure: bool,
) -> None:
    """Destroy what was recorded, for good: the keys first, then the data, there and here.

    Other owners' computers do the same at their next contact; until then it is incomplete, and you
    are told for whom. Blocks go as a whole: of one that is older in part all goes.

    \b
    --all           keys and data, on the board and on this computer
    --before        the same of what is older; what is newer stays readable
    --owner-change  before you sell the car: keys, consents, names and data;
                    the board greets its next owner as a new one, and this
                    computer forgets it
    --ledger        who did what: the entries stay and still verify, their
                    words are gone

    \b
    Examples:
      carport data erase --all
      carport data erase --before 30d --yes
      carport data erase --all --here
      carport data erase --owner-change
    """
    from carport.client.known_gateways import find_gateway

    wanted = [is_all, before is not None, is_owner_change, is_ledger]
    if sum(wanted) != 1:
        raise UsageError("erase what: give one of --all, --before, --owner-change or --ledger")
    if is_here and not (is_all or before is not None):
        raise UsageError("--here is about what was recorded: add --all or --before")
    find_gateway(options.gateway)  # before anybody is asked
    _make_sure(is_sure, _question(before, is_owner_change, is_ledger, is_here))
    if is_here:
        _erase_here(options, before)
    elif is_owner_change:
        _change_owner(options)
    elif is_ledger:
        _erase_ledger(options)
    elif before is not None:
        _erase(options, before)
    else:
        erase_everything(options)


def erase_everything(options: Options) -> None:
    """Erase all that was recorded, and say what came of it."""
    _erase(options, None)


def _question(before: int | None, is_owner_change: bool, is_ledger: bool, is_here: bool) -> str:
    if is_owner_change:
        return "Erase everything from the board, all keys too, and forget it here, for good?"
    if is_ledger:
        return "Erase what the ledger's entries say, for good?"
    what = "everything that was recorded" if before is None else f"what is before {day(before)}"
    return f"Erase {what}, {'on this computer' if is_here else 'on board and here'}, for good?"


def _make_sure(is_sure: bool, question: str) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes to erase")
    if not asking.confirm(question):
        raise UsageError("nothing was erased: answer y to erase")


def _erase(options: Options, before: int | None) -> None:
    from carport.data.erasing import erase_records

    async def work(requests: "DataRequests", holdings: "Holdings") -> "Records":
        return await erase_records(requests, holdings, before)

    records = with_data(options, work)
    waiting = sorted({name for each in records.erasures for name in each.waiting})
    if options.as_json:
        print_json(
            {
                "erased": "all" if before is None else {"before": before},
                "complete": not waiting,
                "waiting": waiting,
                "remains": _REST,
            }
        )
        return
    what = "Everything" if before is None else f"What was recorded before {day(before)}"
    say(f"{what} is erased on the board and on this computer.")
    if waiting:
        say(
            f"INCOMPLETE: {', '.join(waiting)} had a key and has not destroyed it yet; it "
            "happens when their computer next asks for data. `carport data status` tells."
        )
    say(_REST)
    if before is None and not records.recording:
        say("Nothing is recorded until you run `carport data consent GROUP` again.")


def _erase_here(options: Options, before: int | None) -> None:
    from carport.client.known_gateways import find_gateway
    from carport.data.erasing import erase_here
    from carport.data.holdings import open_holdings

    name = find_gateway(options.gateway).name
    with open_holdings(name) as holdings:
        blocks = erase_here(holdings, before)
    if options.as_json:
        print_json({"erased_here": blocks})
    else:
        say(f"Erased the samples of {counted(blocks)} of {name} on this computer.")


def _erase_ledger(options: Options) -> None:
    async def work(requests: "DataRequests", holdings: "Holdings") -> None:
        await requests.forget_ledger_details()
        holdings.keys.forget_details()

    with_data(options, work)
    if options.as_json:
        print_json({"erased": "ledger"})
    else:
        say("What the ledger's entries said is erased; their chain still verifies.")


def _change_owner(options: Options) -> None:
    """Wipe the board, then forget it on this computer."""
    import asyncio
    import shutil

    from carport.client.data import DataRequests
    from carport.data.erasing import erase_here
    from carport.data.holdings import open_holdings, remove_holdings

    client = options.client()
    gateway = client.gateway

    async def wipe() -> None:
        async with client:
            try:
                await DataRequests(client).change_owner()
            except NoAnswerError as error:
                raise NoAnswerError(
                    f"{gateway.name} did not answer, and may have erased itself or not: if "
                    "`carport status` says that it does not know our key, it has"
                ) from error

    with stoppable(client):
        asyncio.run(wipe())
    with open_holdings(gateway.name) as holdings:
        erase_here(holdings, None)
    remove_holdings(gateway.name)
    shutil.rmtree(gateway.folder)
    told: dict[str, Any] = {"erased": "owner-change", "remains": _REST}
    if options.as_json:
        print_json(told)
        return
    say("The board has erased everything, and starts anew as it left the workshop:")
    say("  it records nothing, and pairs with whoever connects a cable first.")
    say(f"This computer has forgotten it. {_REST}")
