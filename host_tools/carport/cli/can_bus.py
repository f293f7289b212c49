"""What the commands of `carport can` share: which bus is meant, what is asked, how they end."""

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli.options import complete_car
from carport.errors import UsageError
from carport.extras import check_installed

if TYPE_CHECKING:
    from carport.traffic.connection import Connection
    from carport.traffic.dictionary import Dictionary
    from carport.traffic.selection import IdFilter
    from carport.traffic.sender import Sender

NEEDED = ("can", "cantools")
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class BusOptions:
    """What was asked for on the command line."""

    given: Mapping[str, Any]
    state: Path | None
    car: str | None

    def connection(self) -> "Connection":
        """Return the bus that is meant."""
        check_installed("emulator", *NEEDED)
        from carport.traffic.connection import find_connection

        return find_connection(self.given, self.state)

    def dictionary(self, connection: "Connection") -> "Dictionary":
        """Return the names of the car's frames: the one that was asked for, or the emulated."""
        return load_dictionary(self.car or connection.car, connection.channels)


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


def parse_filters(texts: tuple[str, ...]) -> "list[IdFilter]":
    """Return what the --filter options mean."""
    from carport.traffic.selection import parse_filter

    return [parse_filter(each) for each in texts]


def counted(senders: "Collection[Sender]") -> dict[str, int | None]:
    """Return how many frames were sent, and were carried where that is known."""
    is_heard = all(each.is_heard for each in senders)
    carried = sum(each.carried for each in senders) if is_heard else None
    return {"sent": sum(each.sent for each in senders), "carried": carried}


@contextmanager
def ending_at_signals() -> Iterator[threading.Event]:
    """Yield what is set at Ctrl-C or SIGTERM, so that no frame or log is cut in two."""
    ending = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {each: signal.signal(each, lambda *_: ending.set()) for each in _ENDING_SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def load_dictionary(car: str | None, channels: Sequence[str] = ()) -> "Dictionary":
    """Return the names of a car's frames, none of no car."""
    from carport.profile import load
    from carport.profile.installed import profile_folder
    from carport.traffic.dictionary import Dictionary

    return Dictionary(None if car is None else load(profile_folder(car)), channels)


filter_option = click.option(
    "--filter",
    "filters",
    metavar="ID[/MASK]",
    multiple=True,
    help="Only these ids, hexadecimal; an extended one has 8 digits. May be repeated.",
)
yes_option = click.option("--yes", "is_sure", is_flag=True, help="It may be a real car's bus.")


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
        shell_complete=complete_car,
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
