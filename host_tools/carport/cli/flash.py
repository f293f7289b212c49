"""`carport flash`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.options import complete_car
from carport.cli.output import print_json
from carport.emulator import DEFAULT_CAR
from carport.errors import CarportError, NotAuthorisedError, StoppedError, UsageError
from carport.extras import check_installed

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from carport.hardware import Board
    from carport.install.chip import Progress
    from carport.install.installation import Content, Present
    from carport.install.micropython_image import MicroPythonImage

_PAIRING_S = 60.0
_FILE = click.Path(dir_okay=False, path_type=Path)


def _complete_board(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from carport.hardware import installed_boards

    return [name for name in installed_boards() if name.startswith(incomplete)]


@click.command()
@click.option(
    "--board",
    "board_name",
    metavar="NAME",
    required=True,
    shell_complete=_complete_board,
    help="Which board it is: see docs/hardware.md.",
)
@click.option("--port", metavar="PORT", help="Serial port, such as /dev/ttyUSB0.")
@click.option(
    "--image", type=_FILE, metavar="FILE", help="The MicroPython; else the newest in this folder."
)
@click.option("--image-sha256", metavar="HEX", help="Refuse another image than this one.")
@click.option(
    "--car",
    metavar="NAME",
    shell_complete=complete_car,
    help="Whose profile it gets; else the one that it has.",
)
@click.option("--erase", "is_erasing", is_flag=True, help="Erase its keys, settings and data.")
@click.option("--merged", type=_FILE, metavar="FILE", help="Only write one image with everything.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Look at the board, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def flash(
    board_name: str,
    port: str | None,
    image: Path | None,
    image_sha256: str | None,
    car: str | None,
    is_erasing: bool,
    merged: Path | None,
    is_dry: bool,
    as_json: bool,
) -> None:
    """Put MicroPython and Carport on a board, and pair with it.

    Nothing is downloaded: without an image in this folder you are told which one to get. Keys,
    settings and data of a board that has Carport already stay. If it is interrupted, or the cable
    was pulled, run it again: it goes on from there. See docs/flashing.md.

    \b
    Examples:
      carport flash --board devkit-mcp2515
      carport flash --board devkit-mcp2515 --car leaf-2016 --port /dev/ttyUSB0
      carport flash --board t-2can --dry-run
      carport flash --board t-2can --merged carport-t-2can.bin
    """
    from carport.hardware import board_named

    if merged is not None and (port is not None or is_erasing or is_dry):
        raise UsageError("--merged only writes a file: leave out --port, --erase and --dry-run")
    check_installed("flash", "cantools", "esptool", "littlefs", "mpremote")
    board = board_named(board_name)
    found = _image(board, car or DEFAULT_CAR, image, image_sha256)
    if merged is not None:
        told = _merge(board, found, car or DEFAULT_CAR, merged, as_json)
    else:
        told = _flash(board, found, port, car, is_erasing, is_dry, as_json)
    if as_json:
        print_json(told)


def _image(board: "Board", car: str, path: Path | None, sha256: str | None) -> "MicroPythonImage":
    """Return the MicroPython to use, which fits the board and the car's buses."""
    from carport.install.micropython_image import (
        check_buses,
        check_fits,
        find_image,
        read_micropython,
    )

    buses = _buses(car)
    board.settings(buses)  # raises UsageError if it has too few, whatever the image
    if path is None:
        try:
            path = find_image(board, Path.cwd()).path
        except UsageError as error:
            if board.works_on_stock(buses):
                raise
            raise UsageError(_how_to_build(board, car, buses)) from error
    image = read_micropython(path, sha256)
    check_fits(image, board)
    check_buses(image, board, buses)
    return image


def _how_to_build(board: "Board", car: str, buses: int) -> str:
    """Return why no MicroPython that is offered will do, and what does instead."""
    from carport.hardware import board_named, installed_boards

    why = []
    if not board.psram_mib:
        why.append("it has no PSRAM")
    if not all(controller.works_on_stock for controller in board.can[:buses]):
        needed = "the bus takes" if buses == 1 else f"{buses} buses take"
        why.append(f"{needed} the CAN controller of the chip itself")
    others = [
        name
        for name in installed_boards()
        if (other := board_named(name)).works_on_stock(buses) and len(other.can) >= buses
    ]
    return (
        f"for {car}, {board.title} needs a MicroPython that you build yourself, for "
        f"{' and '.join(why)}: follow docs/building.md and name it with --image, or take a board "
        f"that needs none: {', '.join(others)}"
    )


def _buses(car: str) -> int:
    """Return how many buses a car has."""
    from carport.paths import cache_dir
    from carport.profile import compile_to_file
    from carport.profile.installed import profile_folder
    from gateway import profile_file

    profile = compile_to_file(profile_folder(car), cache_dir() / "profiles").read_bytes()
    return len(profile_file.decode(profile)["buses"])


def _merge(
    board: "Board", image: "MicroPythonImage", car: str, path: Path, as_json: bool
) -> dict[str, Any]:
    from carport.install.merged import write_merged

    content = _content(board, image, car)
    manifest = write_merged(path, board, content)
    if not as_json:
        click.echo(f"Wrote {path}, for a {board.title} with {car}, and {manifest}.")
        click.echo("Flashing it erases what is on a board, keys too.")
    return {"file": str(path), "manifest": str(manifest), **_about(board, image, content, car)}


def _flash(
    board: "Board",
    image: "MicroPythonImage",
    port: str | None,
    car: str | None,
    is_erasing: bool,
    is_dry: bool,
    as_json: bool,
) -> dict[str, Any]:
    from carport.install.chip import Chip
    from carport.install.installation import examine, install, is_done
    from carport.install.repl import Repl

    port = port or _find_port()
    with Chip(port) as chip:
        present = examine(chip, board)
        is_fresh = is_erasing or not present.is_ours
        car = car or _car_of(present, board, is_fresh)
        content = _content(board, image, car)
        has_all = not is_fresh and is_done(chip, content, present.flash_mib)
        told = {
            "port": port,
            **_about(board, image, content, car),
            "erases": is_fresh,
            "done": has_all,
        }
        if not as_json:
            _describe(told, image)
        if is_dry:
            if not as_json:
                click.echo("Nothing was changed.")
            return told
        if not has_all:
            try:
                with _Steps(as_json) as steps:
                    install(chip, Repl(port), content, present.flash_mib, is_fresh, steps.begin)
            except KeyboardInterrupt as error:
                raise StoppedError(
                    "interrupted: the board may be half-way, run the same again to go on"
                ) from error
    return {**told, "done": True, **_pair(port, as_json)}


def _content(board: "Board", image: "MicroPythonImage", car: str) -> "Content":
    from carport.install.installation import Content
    from carport.install.micropython_image import check_buses
    from carport.install.package import build_package, loader_files

    check_buses(image, board, _buses(car))
    return Content(image, build_package(board.name, car), loader_files())


def _about(
    board: "Board", image: "MicroPythonImage", content: "Content", car: str
) -> dict[str, Any]:
    from carport.install.package import read_header

    header = read_header(content.package)
    return {
        "board": board.name,
        "chip": board.chip,
        "car": car,
        "version": header["version"],
        "package_sha256": header["sha256"].hex(),
        "image": str(image.path),
        "image_sha256": image.sha256,
    }


def _find_port() -> str:
    """Return the port of the only board that is connected, or of the one that is chosen."""
    from carport.cli.pair import choose_port
    from carport.client.serial_port import usb_ports

    ports = usb_ports()
    if not ports:
        raise UsageError(
            "no board is connected: use a USB cable that carries data, and if the board is there "
            "all the same, name its --port"
        )
    return ports[0] if len(ports) == 1 else choose_port(ports)


def _car_of(present: "Present", board: "Board", is_fresh: bool) -> str:
    """Return the car that a board of ours is in; check that it is the board it was."""
    if is_fresh:
        return DEFAULT_CAR
    others = {head.board for head in present.packages} - {board.name}
    if others:
        raise UsageError(
            f"this board was flashed as {others.pop()}: name that with --board, or add --erase"
        )
    cars = {head.car for head in present.packages} - {""}
    if len(cars) > 1:
        raise UsageError(f"the board has had {' and '.join(sorted(cars))}: name one with --car")
    return cars.pop() if cars else DEFAULT_CAR


def _describe(told: dict[str, Any], image: "MicroPythonImage") -> None:
    """Say what is going to be written, and what to compare."""
    from carport.cli.vss import profile_names

    version = f" {image.version[0]}.{image.version[1]}" if image.version else ""
    frozen = ", with the firmware frozen in" if image.is_frozen else ""
    click.echo(f"board        {told['board']} ({told['chip']}) at {told['port']}")
    click.echo(f"MicroPython{version}{frozen}: {image.path}")
    click.echo(f"  SHA-256 {image.sha256}: compare it, or keep it for --image-sha256")
    click.echo(f"Carport      {told['version']} with the profile {told['car']}")
    if told["car"] == DEFAULT_CAR:
        cars = ", ".join(name for name in profile_names() if name != DEFAULT_CAR)
        click.echo(f"  That is for a bench: in a car, add --car with its name: {cars}.")
    if told["done"]:
        click.echo("All of it is on the board already.")
    elif told["erases"]:
        click.echo("What is on the board is erased, keys and data too.")
    else:
        click.echo("Keys, settings and data on the board stay.")
    click.echo(
        "Nobody has tried this with a real board yet: docs/flashing.md says what was tried."
    )


def _pair(port: str, as_json: bool) -> dict[str, Any]:
    """Pair with the gateway that starts now, unless it has keys."""
    import asyncio

    from carport.client.known_gateways import known_gateways
    from carport.client.pairing import pair

    try:
        paired = asyncio.run(pair(port, None, is_replacing=False, timeout_s=_PAIRING_S))
    except NotAuthorisedError:
        names = [each.name for each in known_gateways() if each.serial_port == port]
        if not as_json:
            whose = f"paired as {names[0]}" if names else "paired with somebody else"
            click.echo(f"The gateway runs, and has kept its keys: it is {whose}.")
        return {"gateway": names[0] if names else None}
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"interrupted: the board is flashed, and yours after `carport pair --port {port}`"
        ) from error
    except CarportError as error:
        error.args = (f"the board is flashed, but not paired: {error}",)
        raise
    name = paired.gateway.name
    if not as_json:
        click.echo(f"Paired with {name}, you are its owner.")
        _provision(name, port)
    return {"gateway": name}


def _provision(name: str, port: str) -> None:
    """Let the owner set the gateway up, if one is there to be asked."""
    from carport.cli.asking import confirm
    from carport.cli.provision import provision

    if sys.stdin.isatty() and confirm("Set its name, region and Wi-Fi now?", default=True):
        provision.main(["--gateway", name, "--port", port], standalone_mode=False)
    else:
        click.echo("Next: carport provision")


class _Steps:
    """A bar for each step, on stderr."""

    def __init__(self, is_quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars: Bars = Progress(
            TextColumn("{task.description:20}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=is_quiet,
        )

    def __enter__(self) -> "_Steps":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def begin(self, name: str) -> "Progress":
        """Show a step that begins, and return what moves its bar."""
        task = self._bars.add_task(name, total=None)
        update: Callable[..., None] = self._bars.update

        def progress(done: int, total: int) -> None:
            update(task, completed=done, total=total)

        return progress
