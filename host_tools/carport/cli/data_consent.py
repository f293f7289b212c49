"""`carport data consent`."""

import re
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from carport.cli import asking
from carport.cli.data_session import say_new_ledger, say_obeyed, with_data
from carport.cli.data_words import DAY_S, day, days, each, interval, last_day
from carport.cli.grants import end
from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json, say
from carport.errors import CarportError, UsageError

if TYPE_CHECKING:
    from carport.client.consent import Consent, Terms
    from carport.client.data import DataRequests
    from carport.data.contact import Contact
    from carport.data.holdings import Holdings

_PURPOSE = "my own records"
_EVERY = "30s"
_KEEP = "90d"
_YEAR_S = 365 * DAY_S
_COARSE_POSITION = Fraction(1, 100)


def _complete_group(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from carport.profile.groups import GROUPS

    return [group for group in GROUPS if group.startswith(incomplete)]


def _step(text: str) -> tuple[str, Fraction]:
    """Return PATH=STEP as path and step.

    Raises:
        UsageError: it is no such thing.
    """
    path, _, number = text.partition("=")
    try:
        step = Fraction(number)
    except (ValueError, ZeroDivisionError):
        step = Fraction(0)
    if not path.startswith("Vehicle.") or step <= 0:
        raise UsageError(f"{text!r} is no precision: write Vehicle.Speed=5")
    return path, step


@click.command()
@click.argument("groups", metavar="[GROUP]...", nargs=-1, shell_complete=_complete_group)
@click.option("--purpose", metavar="TEXT", help="What it is for.")
@click.option("--every", metavar="TIME", type=interval, help=f"How often: {_EVERY}, 5m, 1h.")
@click.option("--keep", metavar="TIME", type=days, help=f"How long: {_KEEP}, 12w, 1y.")
@click.option("--until", metavar="DATE", type=end, help="When consent ends, five years at most.")
@click.option(
    "--precision",
    "steps",
    metavar="PATH=STEP",
    type=_step,
    multiple=True,
    help="Store it coarser: Vehicle.Speed=5; repeat for more.",
)
@click.option("--withdraw", "is_withdrawn", is_flag=True, help="Stop recording at once.")
@click.option("--region", metavar="CC", help="Where the car is, such as DE; asked for once.")
@click.option("--transfer", metavar="CC", help="Let keys of that region have other regions' data.")
@gateway_options
def consent(
    options: Options,
    groups: tuple[str, ...],
    purpose: str | None,
    every: int | None,
    keep: int | None,
    until: int | None,
    steps: tuple[tuple[str, Fraction], ...],
    is_withdrawn: bool,
    region: str | None,
    transfer: str | None,
) -> None:
    """Show what may be recorded, allow it, or withdraw that.

    Nothing is recorded that is not named here: driving, climate, charging, location, as far as the
    car tells them; never doors and locks, nor what identifies the car. In a terminal you are asked
    for what you leave out.

    \b
    Examples:
      carport data consent
      carport data consent driving
      carport data consent driving --purpose "fuel diary" --every 30s \\
          --keep 90d --until 2027-06-01
      carport data consent location --purpose trips --until 2027-01-31 \\
          --precision Vehicle.CurrentLocation.Latitude=0.01 \\
          --precision Vehicle.CurrentLocation.Longitude=0.01
      carport data consent --withdraw driving
      carport data consent --transfer FR --until 2027-01-31
    """
    region = _country(region)
    transfer = _country(transfer)
    if transfer is not None and groups:
        raise UsageError("--transfer is about a region: leave the groups out")
    if is_withdrawn and not groups and transfer is None:
        raise UsageError("withdraw what: name a group, such as driving")
    if transfer is not None and until is None and not is_withdrawn:
        raise UsageError("a transfer ends at a date: add --until 2027-01-31")
    given = {"purpose": purpose, "every": every, "keep": keep, "until": until}

    async def work(requests: "DataRequests", holdings: "Holdings") -> "Contact":
        from carport.data.contact import make_contact

        contact = await make_contact(requests, holdings)
        say_obeyed(contact)
        _check_groups(groups, contact.consent)
        if transfer is not None:
            await _transfer(requests, transfer, None if is_withdrawn else until)
        elif is_withdrawn:
            for group in groups:
                await requests.withdraw(group)
        elif groups or region is not None:
            terms = _terms(given, dict(steps), groups) if groups else None
            await _prepare(requests, holdings, contact, region, is_recording=bool(groups))
            if terms is not None:
                await _grant(requests, groups, terms)
        return await make_contact(requests, holdings)

    contact = with_data(options, work)
    if options.as_json:
        print_json(_as_json(contact))
    elif is_withdrawn and groups:
        _say_withdrawn(options, groups)
    else:
        _show(contact)


def _country(code: str | None) -> str | None:
    if code is not None and not re.fullmatch("[A-Za-z]{2}", code):
        raise UsageError(f"{code!r} is no country: write its two letters, such as DE")
    return code and code.upper()


def _check_groups(groups: tuple[str, ...], consent: "Consent") -> None:
    for group in groups:
        if group not in consent.groups:
            known = ", ".join(consent.groups) or "none at all"
            raise UsageError(f"this car has no group {group!r}: there is {known}")


async def _transfer(requests: "DataRequests", region: str, until: int | None) -> None:
    if until is None:
        await requests.end_transfer(region)
    else:
        await _check_clock(requests)
        await requests.allow_transfer(region, until)


def _terms(
    given: dict[str, Any], precision: dict[str, Fraction], groups: tuple[str, ...]
) -> "Terms":
    """Return what was given on the command line, or in a terminal is answered now."""
    from carport.client.consent import Terms

    is_asking = sys.stdin.isatty() and not any(given.values())
    if not is_asking and (given["purpose"] is None or given["until"] is None):
        raise UsageError("consent has a purpose and an end: add --purpose TEXT and --until DATE")
    if is_asking:
        named = ", ".join(groups)
        say(f"Consent to recording {named}; Enter takes what is in brackets.", err=True)
        given["purpose"] = asking.prompt("What for", default=_PURPOSE)
        given["every"] = _ask("How often", _EVERY, interval)
        given["keep"] = _ask("Keep it for", _KEEP, days)
        given["until"] = _ask("Until when", day(time.time() + _YEAR_S), end)
        if "location" in groups and not precision:
            precision |= _ask_position()
    return Terms(
        purpose=given["purpose"],
        interval_s=given["every"] or interval(_EVERY),
        keep_days=given["keep"] or days(_KEEP),
        until=given["until"],
        precision=precision,
    )


def _ask(question: str, default: str, convert: Any) -> int:
    """Ask until the answer makes sense."""

    def checked(text: str) -> int:
        try:
            return int(convert(text))
        except UsageError as error:
            raise click.BadParameter(str(error)) from error

    return int(asking.prompt(question, default=default, value_proc=checked))


def _ask_position() -> dict[str, Fraction]:
    if asking.confirm("Keep the position to about 1 km only", default=True):
        axes = ("Latitude", "Longitude")
        return {f"Vehicle.CurrentLocation.{axis}": _COARSE_POSITION for axis in axes}
    return {}


async def _grant(requests: "DataRequests", groups: tuple[str, ...], terms: "Terms") -> None:
    """Grant all groups, each with the precisions of its own paths."""
    from dataclasses import replace

    paths = {group: set(await requests.paths(group)) for group in groups}
    for path in terms.precision:
        if not any(path in each for each in paths.values()):
            named = ", ".join(groups)
            raise UsageError(f"{path} is not in {named}: `carport signals` has the paths")
    for group in groups:
        own = {path: step for path, step in terms.precision.items() if path in paths[group]}
        await requests.grant(group, replace(terms, precision=own))


async def _prepare(
    requests: "DataRequests",
    holdings: "Holdings",
    contact: "Contact",
    region: str | None,
    is_recording: bool,
) -> None:
    """Do what comes before a consent: the time, the region, the key; say so."""
    from carport.data.contact import take_key

    await _check_clock(requests)
    if region is None and contact.region is None:
        region = _ask_region()
    if region is not None and region != contact.region:
        await requests.declare_region(region)
        say(
            f"The car is in {region}, you say: what it records from now on is tagged so.", err=True
        )
    if is_recording and (
        contact.records.chain is None or contact.records.chain not in holdings.keys
    ):
        if await take_key(requests, holdings):
            say_new_ledger()
        say("This computer has the key of the records now.", err=True)
        route = requests.client.route
        if route is not None and route.port is None:
            say(
                "  It came over the network, sealed for you. Who recorded that and steals the "
                "board could open both: `--via serial` rules it out.",
                err=True,
            )


def _ask_region() -> str:
    if not sys.stdin.isatty():
        raise UsageError("the board does not know which country it is in: add --region DE")
    answer = asking.prompt("Which country is the car in (two letters, such as DE)")
    return _country(answer) or ""


async def _check_clock(requests: "DataRequests") -> None:
    if (await requests.clock()).unix_s is None:
        raise CarportError(
            "the board does not know the time, and did not take this computer's: run it over the "
            "cable with --via serial"
        )


def _show(contact: "Contact") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    now_s = time.time()
    table = Table(box=None, pad_edge=False)
    table.add_column("GROUP", style="bold")
    for heading in ("RECORDED", "HOW OFTEN", "KEPT", "UNTIL", "FOR"):
        table.add_column(heading)
    for group in contact.consent.groups:
        grant = contact.consent.grants.get(group)
        if grant is None:
            table.add_row(group, "no", "-", "-", "-", "-")
            continue
        is_recorded = group in contact.records.recording
        table.add_row(
            group,
            "yes" if is_recorded else "ended" if grant.until <= now_s else "no key",
            each(grant.interval_s),
            f"{grant.keep_days} days",
            last_day(grant.until),
            escape(f"{grant.purpose} (by {grant.by}, {day(grant.at)})"),
        )
    Console().print(table)
    for group, grant in contact.consent.grants.items():
        for path, step in grant.precision.items():
            say(f"{group}: {path} in steps of {float(step):g}")
    say(f"The car is in {contact.region or 'no region yet'}.")
    for region, transfer in contact.consent.transfers.items():
        is_over = " (over)" if transfer.until <= now_s else ""
        say(
            f"Keys of {region} may have other regions' data until "
            f"{last_day(transfer.until)}{is_over}."
        )


def _say_withdrawn(options: Options, groups: tuple[str, ...]) -> None:
    from carport.cli.data_erase import erase_everything

    say(f"{', '.join(groups)}: not recorded any more, from now on.")
    if sys.stdin.isatty() and asking.confirm(
        "Erase everything that was recorded so far, too (all groups)?", default=False
    ):
        erase_everything(options)
    else:
        say("What was recorded is still there: `carport data erase` destroys it.")


def _as_json(contact: "Contact") -> dict[str, Any]:
    from dataclasses import asdict

    consent = contact.consent
    return {
        "region": contact.region,
        "groups": consent.groups,
        "recording": contact.records.recording,
        "grants": {group: grant.as_json() for group, grant in consent.grants.items()},
        "transfers": {region: asdict(each) for region, each in consent.transfers.items()},
    }
