"""The options of `carport can` that say which bus is meant, and which car is on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.errors import CarportError, UsageError

if TYPE_CHECKING:
    from carport.traffic.connection import Connection
    from carport.traffic.dictionary import Dictionary

_NEEDED = ("can", "cantools")


@dataclass(frozen=True)
class BusOptions:
    """What was asked for on the command line."""

    given: Mapping[str, Any]
    state: Path | None
    car: str | None

    def connection(self) -> "Connection":
        """Return the bus that is meant."""
        check_installed()
        from carport.traffic.connection import find_connection

        return find_connection(self.given, self.state)

    def dictionary(self, connection: "Connection") -> "Dictionary":
        """Return the names of the car's frames: the one that was asked for, or the emulated."""
        from carport.traffic.dictionary import Dictionary

        return Dictionary(_profile(self.car or connection.car), connection.channels)


def check_installed() -> None:
    """Check that python-can and cantools are there.

    Raises:
        CarportError: they are not.
    """
    import importlib.util

    if not all(importlib.util.find_spec(each) for each in _NEEDED):
        raise CarportError("python-can is not installed: pip install 'carport-gateway[emulator]'")


def check_may_send(connection: "Connection", is_sure: bool) -> None:
    """Check that it is not a car's bus, or that --yes was said.

    Raises:
        UsageError: it could be, and it was not.
    """
    if not connection.is_harmless and not is_sure:
        raise UsageError(
            f"{connection.name} may be a real car's bus, where a wrong frame can do harm: "
            "add --yes if you mean it"
        )


def complete_assignment(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete `SIGNAL=` of the message that was named, and then the names of its values."""
    try:
        message = _completing_dictionary(ctx).message(ctx.params["what"])
    except CarportError:
        return []
    from carport.profile.signals import names as names_of

    found = []
    for signal in message.definition.signals:
        found.append(f"{signal.name}=")
        if incomplete.startswith(found[-1]):
            names = names_of(signal).values()
            found += [f"{signal.name}={name}" for name in names]
    return [each for each in found if each.startswith(incomplete)]


def complete_message(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a message."""
    try:
        profile = _completing_dictionary(ctx).profile
    except CarportError:
        return []
    names = profile.messages if profile else ()
    return [each for each in names if each.startswith(incomplete)]


def _completing_dictionary(ctx: click.Context) -> "Dictionary":
    check_installed()
    from carport.traffic.connection import find_connection
    from carport.traffic.dictionary import Dictionary

    car = ctx.params.get("car")
    if car is None:
        car = find_connection({}, ctx.params.get("state")).car
    return Dictionary(_profile(car))


def _complete_car(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from carport.profile.installed import installed_profiles

    return [each for each in installed_profiles() if each.startswith(incomplete)]


def _profile(car: str | None) -> Any:
    from carport.profile import load
    from carport.profile.installed import profile_folder

    return None if car is None else load(profile_folder(car))


_OPTIONS = [
    click.option("--interface", metavar="NAME", help="python-can's name of an interface."),
    click.option("--channel", metavar="NAME", help="Such as can0, or an adapter's port."),
    click.option(
        "--bitrate", metavar="N", type=click.IntRange(1), help="In bit/s, such as 500000."
    ),
    click.option("--host", metavar="HOST", help="Where socketcand runs."),
    click.option("--port", metavar="N", type=click.IntRange(1, 65534), help="Its TCP port."),
    click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The emulator with this state folder, if several run.",
    ),
    click.option(
        "--car",
        metavar="NAME",
        shell_complete=_complete_car,
        help="Whose frames they are; the emulator's if not given.",
    ),
]


def bus_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of the bus, as its first argument."""

    @wraps(function)
    def command(*args: Any, state: Path | None, car: str | None, **kwargs: Any) -> Any:
        names = ("interface", "channel", "bitrate", "host", "port")
        asked = {name: kwargs.pop(name) for name in names}
        given = {name: value for name, value in asked.items() if value is not None}
        return function(BusOptions(given, state, car), *args, **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
