"""`carport profile build|check|show`: cars as data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.output import print_json
from carport.errors import CarportError
from carport.extras import check_installed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from carport.profile import Profile


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from carport.profile.installed import installed_profiles

    return [name for name in installed_profiles() if name.startswith(incomplete)]


_CAR = click.argument("car", metavar="FOLDER", shell_complete=_complete)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def profile() -> None:
    """Check, show and compile the profile of a car.

    FOLDER is a profile's folder, or the name of a car that Carport comes with. How to add a car:
    docs/adding-a-car.md.

    \b
    Examples:
      carport profile show leaf-2016
      carport profile check ~/cars/my-car
      carport profile build ~/cars/my-car -o my-car.cbor
    """


@profile.command()
@_CAR
@_JSON
def check(car: str, as_json: bool) -> int:
    """Check a profile: what is wrong is told with its file and line.

    \b
    Examples:
      carport profile check leaf-2016
      carport profile check ~/cars/my-car --json
    """
    loaded = _load(car, as_json)
    if isinstance(loaded, int):
        return loaded
    counts = {
        "signals": len(loaded.leaves),
        "messages": len(loaded.received),
        "commands": len(loaded.commands),
    }
    if as_json:
        print_json({"name": loaded.name, "ok": True, **counts})
    else:
        told = ", ".join(f"{count} {what}" for what, count in counts.items())
        click.echo(f"{loaded.name} is right: {told}.")
    return 0


@profile.command()
@_CAR
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; left out, the folder's name and .cbor.",
)
@_JSON
def build(car: str, output: Path | None, as_json: bool) -> int:
    """Compile a profile into what the gateway reads.

    \b
    Examples:
      carport profile build leaf-2016
      carport profile build ~/cars/my-car -o my-car.cbor
    """
    loaded = _load(car, as_json)
    if isinstance(loaded, int):
        return loaded
    from carport.profile.compile import compiled
    from gateway.profile_file import encode

    data = encode(compiled(loaded))
    file = output or Path(f"{loaded.name}.cbor")
    try:
        file.write_bytes(data)
    except OSError as error:
        raise CarportError(f"cannot write {file} ({error.strerror}): choose another -o") from error
    if as_json:
        print_json({"name": loaded.name, "file": str(file), "bytes": len(data)})
    else:
        click.echo(f"{file}: {loaded.title}, {len(data)} bytes.")
    return 0


@profile.command()
@_CAR
@_JSON
def show(car: str, as_json: bool) -> int:
    """Show a car: its signals, commands and interlocks, what is sent and received, and from where.

    \b
    Examples:
      carport profile show leaf-2016
      carport profile show model3 --json | jq '.signals | keys'
    """
    loaded = _load(car, as_json)
    if isinstance(loaded, int):
        return loaded
    from carport.profile.describe import describe

    described = describe(loaded)
    if as_json:
        print_json(described)
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    for part in _parts(described):
        console.print(part, soft_wrap=isinstance(part, str))
    return 0


def _load(car: str, as_json: bool) -> "Profile | int":
    """Return the checked profile, or the exit code after telling in JSON what is wrong."""
    check_installed("emulator", "cantools")
    from carport.profile import ProfileError, load
    from carport.profile.installed import profile_folder

    folder = Path(car).expanduser()
    try:
        return load(folder if (folder / "profile.toml").is_file() else profile_folder(car))
    except ProfileError as error:
        if not as_json:
            raise
        where = {"file": str(error.file), "line": error.line}
        print_json({"error": str(error), "exit_code": error.exit_code, **where})
        return error.exit_code


def _parts(car: dict[str, Any]) -> "list[RenderableType]":
    """Return what is printed of a described car."""
    parts: list[RenderableType] = [f"[bold]{car['title']}[/bold]  ({car['name']})"]
    parts += [f"Source: {source}" for source in car["sources"]]
    parts += [f"Tried on a real car by: {car['tried']}", ""]
    for bus in car["buses"]:
        parts.append(f"Bus [bold]{bus['name']}[/bold], {bus['bitrate'] // 1000} kbit/s")
        parts.append(f"  receives, filtered by ID: {_ids(bus['received'])}")
        parts.append(f"  sends: {_ids(bus['sent'])}")
    if car["wake"]:
        frames = (f"{_id(frame)} after {frame['after_ms']} ms" for frame in car["wake"])
        parts.append(f"Woken by: {', '.join(frames)}")
    for route in car["routes"]:
        parts.append(
            f"From {route['from']} to {route['to']}: {_id(route)}, mask 0x{route['mask']:X}, "
            f"{route['length']} bytes; {route['burst']} at once, {route['rate_hz']} a second"
        )
    return [*parts, "", _signals(car), "", *_commands(car), *_interlocks(car)]


def _signals(car: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    ids = {each["name"]: _id(each) for bus in car["buses"] for each in bus["received"]}
    table = Table(box=None, pad_edge=False)
    table.add_column("Signal, all in Vehicle.", no_wrap=True)
    table.add_column("Unit", no_wrap=True)
    table.add_column("From", overflow="fold")
    for path, signal in car["signals"].items():
        source = f"{ids[signal['message']]} {signal['signal']}"
        table.add_row(path.removeprefix("Vehicle."), signal["unit"] or "", source)
    return table


def _commands(car: dict[str, Any]) -> "list[RenderableType]":
    lines: list[RenderableType] = []
    for name, command in car["commands"].items():
        if isinstance(command["unavailable"], str):
            lines.append(f"[bold]{name}[/bold] is refused: {command['unavailable']}.")
            continue
        interlocks = ", ".join(command["interlocks"]) or "none"
        lines.append(f"[bold]{name}[/bold] sends {command['message']}; interlocks: {interlocks}")
        lines += [f"  confirmed by {one}" for one in command["confirmed_by"]]
        for argument, spec in command["arguments"].items():
            lines.append(f"  {argument}, {_range(spec)}: confirmed by {spec['confirmed_by']}")
        lines += [
            f"  {argument} is refused: {reason}"
            for argument, reason in command["unavailable"].items()
        ]
    return lines


def _interlocks(car: dict[str, Any]) -> "list[RenderableType]":
    return [
        f"Interlock [bold]{name}[/bold], a silent bus {interlock['silent_bus']}: "
        + "; ".join(interlock["all"])
        for name, interlock in car["interlocks"].items()
    ]


def _range(spec: dict[str, Any]) -> str:
    if "values" in spec:
        return " or ".join(str(value).lower() for value in spec["values"])
    return f"{spec['minimum']:g} to {spec['maximum']:g} in steps of {spec['step']:g}"


def _ids(messages: list[dict[str, Any]]) -> str:
    return " ".join(map(_id, messages)) or "nothing"


def _id(message: dict[str, Any]) -> str:
    return f"0x{message['id']:0{8 if message['is_extended_id'] else 3}X}"
