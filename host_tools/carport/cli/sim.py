"""`carport sim`: steer the world of a running emulator."""

import json
from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from carport.car.faults import FAULTS as CAR_FAULTS
from carport.car.faults import Fault
from carport.cli.output import print_json, value_text
from carport.emulator.board_faults import BOARD_FAULTS
from carport.emulator.control import ask, find_control
from carport.errors import CarportError, UsageError

FAULTS = {**CAR_FAULTS, **BOARD_FAULTS}
Ask = Callable[[Mapping[str, Any]], dict[str, Any]]


def _emulator_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--state` and `--json`, and as first arguments how to ask, and is_json."""

    @click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The emulator with this state folder, if several run.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @wraps(function)
    def command(*args: Any, state: Path | None, as_json: bool, **kwargs: Any) -> None:
        function(partial(ask, find_control(state)), as_json, *args, **kwargs)

    return command


@click.group()
def sim() -> None:
    """Steer the emulated world: signals, faults, a drive, the board's button.

    \b
    Examples:
      carport sim set Vehicle.Cabin.Door.Row1.DriverSide.IsOpen=true
      carport sim set outside_temperature=-5 time_scale=60
      carport sim fault stuck-lock
      carport sim drive --kph 50 --seconds 20
      carport sim press --seconds 0.5
      carport sim state
    """


def _complete_setting(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    try:
        names = ask(find_control(ctx.params.get("state")), {"do": "names"})["names"]
    except CarportError:
        return []
    return [f"{name}=" for name in names if name.startswith(incomplete)]


@sim.command("set")
@click.argument(
    "settings", nargs=-1, required=True, metavar="NAME=VALUE...", shell_complete=_complete_setting
)
@_emulator_options
def set_values(ask: Ask, as_json: bool, settings: tuple[str, ...]) -> None:
    """Set signals by VSS path, as somebody in the car would, or settings of the world.

    \b
    outside_temperature  degrees Celsius
    sun                  W/m2 on the car, 1000 at noon in summer
    time_scale           how many times faster the cabin, alone, warms and cools
    sleep_after          seconds until the untouched car sleeps
    supply_voltage       of the 12 V battery, as the board measures it

    \b
    Examples:
      carport sim set Vehicle.Cabin.Door.Row1.DriverSide.IsOpen=true
      carport sim set Vehicle.Speed=30 \\
          Vehicle.Powertrain.Transmission.CurrentGear=1
      carport sim set outside_temperature=-5 time_scale=60
    """
    answer = ask({"do": "set", "values": dict(_parse(each) for each in settings)})
    if as_json:
        print_json(answer)
        return
    for name, value in answer["set"].items():
        click.echo(f"{name} = {json.dumps(value)}")


@sim.group("fault")
def fault_group() -> None:
    """Break something, repair it, or list what can break.

    \b
    Examples:
      carport sim fault stuck-lock rear-left
      carport sim fault silent drivetrain
      carport sim fault list
      carport sim fault clear stuck-lock
      carport sim fault clear
    """


def _add_fault(fault: Fault) -> None:
    @_emulator_options
    def command(ask: Ask, as_json: bool, place: str | None = None) -> None:
        request = {"do": "fault", "name": fault.name, "place": place}
        answer = ask(request)
        if as_json:
            print_json(answer)
        else:
            click.echo(f"{_place(answer)}: {fault.summary} `carport sim fault clear` ends it.")

    if fault.places:
        place = click.argument("place", required=False, type=click.Choice(fault.places))
        command = place(command)
    first = f" PLACE is {fault.places[0]} if not given." if fault.places else ""
    example = f"\n\n\b\nExample:\n  carport sim fault {' '.join((fault.name, *fault.places[-1:]))}"
    fault_group.command(fault.name, help=fault.summary + first + example)(command)


for _fault in FAULTS.values():
    _add_fault(_fault)


@fault_group.command("list")
@_emulator_options
def list_faults(ask: Ask, as_json: bool) -> None:
    """List the faults that exist, and mark those the car has.

    \b
    Examples:
      carport sim fault list
      carport sim fault list --json
    """
    active = ask({"do": "state"})["faults"]
    if as_json:
        print_json({"faults": active, "names": list(FAULTS)})
        return
    for fault in FAULTS.values():
        has = any(each["name"] == fault.name for each in active)
        click.echo(f"{'*' if has else ' '} {fault.name:<16} {fault.summary}")
        if fault.places:
            click.echo(f"  {'':<16} {' '.join(fault.places)}")
    if active:
        click.echo("The car has: " + ", ".join(map(_place, active)))


@fault_group.command("clear")
@click.argument("name", required=False, type=click.Choice(list(FAULTS)))
@_emulator_options
def clear_faults(ask: Ask, as_json: bool, name: str | None) -> None:
    """Repair what has this NAME, or everything.

    \b
    Examples:
      carport sim fault clear stuck-lock
      carport sim fault clear
    """
    answer = ask({"do": "clear", "name": name})
    if as_json:
        print_json(answer)
    else:
        click.echo(
            "Left: " + ", ".join(map(_place, answer["faults"]))
            if answer["faults"]
            else "No faults."
        )


@sim.command()
@click.argument("action", required=False, type=click.Choice(["stop"]))
@click.option("--kph", type=float, default=50.0, show_default=True, help="The speed it reaches.")
@click.option("--seconds", type=float, default=20.0, show_default=True, help="From Park to Park.")
@_emulator_options
def drive(ask: Ask, as_json: bool, action: str | None, kph: float, seconds: float) -> None:
    """Drive out of Park and back into it, or brake and stop.

    \b
    Examples:
      carport sim drive --kph 30 --seconds 60
      carport sim drive stop
    """
    if action == "stop":
        answer = ask({"do": "brake"})
        text = "The car brakes and goes into Park."
    else:
        answer = ask({"do": "drive", "kph": kph, "seconds": seconds})
        text = f"The car drives for {seconds:g} s, at up to {kph:g} km/h."
    if as_json:
        print_json(answer)
    else:
        click.echo(text)


@sim.command()
@click.option("--seconds", type=float, default=3.0, show_default=True)
@click.option("--boot", is_flag=True, help="Hold it while the board is switched off and on.")
@_emulator_options
def press(ask: Ask, as_json: bool, seconds: float, boot: bool) -> None:
    """Press the board's button: shortly to arm, 3 s for pairing, 10 s at boot to erase.

    \b
    Examples:
      carport sim press --seconds 0.5
      carport sim press
      carport sim press --boot --seconds 10
    """
    if boot:
        answer = ask({"do": "boot", "held_seconds": seconds})
        text = f"The board was switched off and on, its button held for {seconds:g} s."
    else:
        answer = ask({"do": "press", "seconds": seconds})
        text = f"The button was pressed for {seconds:g} s."
    if as_json:
        print_json(answer)
    else:
        click.echo(text)


@sim.command("state")
@_emulator_options
def show_state(ask: Ask, as_json: bool) -> None:
    """Show the car as it is, whether or not it says so on the bus.

    \b
    Examples:
      carport sim state
      carport sim state --json
    """
    state = ask({"do": "state"})
    if as_json:
        print_json(state)
        return
    for name, value in (*state["signals"].items(), *state["settings"].items()):
        click.echo(f"{name:<70} {'-' if value is None else value_text(value)}")
    ignored = sum(state["ignored_commands"].values())
    click.echo(f"\nThe car is {'awake' if state['is_awake'] else 'asleep'}.")
    click.echo(f"Command frames it ignored, for their checksum or counter: {ignored}.")
    for each in state["faults"]:
        click.echo(f"Fault: {_place(each)}.")


def _parse(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not name or not equals:
        raise UsageError(f"{setting} is not NAME=VALUE: see `carport sim set --help`")
    try:
        value = json.loads(text)
    except ValueError:
        return name, text
    return name, value


def _place(fault: Mapping[str, str]) -> str:
    return f"{fault['name']} {fault['place']}".rstrip()
