"""`carport climate on|off|set`."""

from collections.abc import Callable
from typing import Any

import click

from carport.cli.commands import carry_out
from carport.cli.options import Options, gateway_options

_SEATS = ("driver", "passenger")


def _parse_seats(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, int]:
    """Return the percent for each seat of `50`, which is the driver's, or `SEAT=50`."""
    seats = {}
    for value in values:
        seat, _, percent = value.rpartition("=")
        seat = seat or _SEATS[0]
        if seat not in _SEATS or not percent.isdecimal():
            raise click.BadParameter(f"{value!r}: use 50, driver=50 or passenger=50")
        seats[seat] = int(percent)
    return seats


def _settings(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--temp", type=float, metavar="C", help="Temperature, the driver's side."),
        click.option("--passenger-temp", type=float, metavar="C", help="The passenger's side."),
        click.option(
            "--seat",
            "seats",
            multiple=True,
            callback=_parse_seats,
            metavar="[SEAT=]%",
            help="Seat heating in percent: 50, driver=50, passenger=0.",
        ),
        click.option("--defrost/--no-defrost", default=None, help="Front defrost."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.group()
def climate() -> None:
    """Heat or cool the car; what is not named stays as it is.

    \b
    Examples:
      carport climate on --temp 21.5
      carport climate set --seat 50 --defrost
      carport climate set --seat driver=50 --seat passenger=0
      carport climate off
    """


@climate.command("on")
@_settings
@gateway_options
def switch_on(options: Options, **settings: Any) -> None:
    """Switch the climate on.

    \b
    Examples:
      carport climate on
      carport climate on --temp 21.5 --passenger-temp 19 --defrost
    """
    arguments = {"on": True, **_arguments(**settings)}
    carry_out(options, "Switching on", "Climate on", lambda client: client.climate(**arguments))


@climate.command("off")
@gateway_options
def switch_off(options: Options) -> None:
    """Switch the climate off.

    \b
    Example:
      carport climate off
    """
    carry_out(options, "Switching off", "Climate off", lambda client: client.climate(on=False))


@climate.command("set")
@_settings
@gateway_options
def change(options: Options, **settings: Any) -> None:
    """Change settings, without switching the climate on or off.

    \b
    Examples:
      carport climate set --temp 21.5
      carport climate set --seat passenger=30 --no-defrost
    """
    arguments = _arguments(**settings)
    if not arguments:
        raise click.UsageError(
            "Nothing to set, give --temp, --passenger-temp, --seat or --defrost"
        )
    carry_out(options, "Setting", "Climate set", lambda client: client.climate(**arguments))


def _arguments(
    temp: float | None,
    passenger_temp: float | None,
    seats: dict[str, int],
    defrost: bool | None,
) -> dict[str, bool | int | float]:
    """Return the command's arguments for the options that were given."""
    given = {
        "driver_temperature": temp,
        "passenger_temperature": passenger_temp,
        "front_defrost": defrost,
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    return arguments | {f"{seat}_seat_heating": percent for seat, percent in seats.items()}
