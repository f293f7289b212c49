"""What the commands about the data share: the gateway with what this computer holds of it."""

import sys
from typing import TYPE_CHECKING, TypeVar

from carport.cli.data_words import counted
from carport.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from carport.cli.options import Options
    from carport.client import Client
    from carport.client.data import DataRequests
    from carport.data.contact import Contact
    from carport.data.fetch import Fetched
    from carport.data.holdings import Holdings

T = TypeVar("T")


def with_data(options: "Options", work: "Callable[[DataRequests, Holdings], Awaitable[T]]") -> T:
    """Run work with a connection to the gateway, and with its keys and archive."""
    from carport.client.data import DataRequests
    from carport.data.holdings import open_holdings

    async def connected(client: "Client") -> T:
        with open_holdings(client.gateway.name) as holdings:
            return await work(DataRequests(client), holdings)

    return options.run(connected)


def fetch_all(options: "Options") -> "Fetched":
    """Bring the archive up to date, with a progress bar in a terminal, and say what was odd."""
    from carport.data.fetch import fetch

    async def work(requests: "DataRequests", holdings: "Holdings") -> "Fetched":
        with _Bar(is_shown=sys.stderr.isatty() and not options.as_json) as bar:
            return await fetch(requests, holdings, bar.show)

    fetched = with_data(options, work)
    if not options.as_json:
        _say(fetched)
    return fetched


def say_obeyed(contact: "Contact") -> None:
    """Say that an erasure was carried out here, if one was."""
    if contact.obeyed:
        say(
            "An owner has erased data: this computer's keys and samples of it are gone too.",
            err=True,
        )


def say_new_ledger() -> None:
    """Say that the board began anew."""
    say(
        "The board's ledger is another one than before: it was reset, or its flash replaced.",
        err=True,
    )


def _say(fetched: "Fetched") -> None:
    say_obeyed(fetched.contact)
    if fetched.is_new_ledger:
        say_new_ledger()
    if fetched.closed:
        say(
            f"Not opened: {counted(fetched.closed)} on the board, from before this computer had a "
            "key.",
            err=True,
        )
    for region, blocks in fetched.refused.items():
        say(
            f"The board refuses {counted(blocks)} that it recorded in {region}: `carport data "
            "consent --transfer` may allow it until a date.",
            err=True,
        )


class _Bar:
    """A progress bar of bytes on stderr, if it is shown at all."""

    def __init__(self, is_shown: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("Fetching"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not is_shown,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, done: int, total: int) -> None:
        """Move on."""
        self._progress.update(self._task, completed=done, total=total)
