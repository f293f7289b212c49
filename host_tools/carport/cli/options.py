"""The options that every command has which talks to a gateway."""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from carport.cli.output import print_log
from carport.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.route import Via

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    gateway: str | None
    via: "Via"
    port: str | None
    timeout_s: float
    as_json: bool
    is_verbose: bool

    def log(self, line: str) -> None:
        """Print a line that the board logged, if wanted."""
        if self.is_verbose:
            print_log(line)

    def client(self) -> "Client":
        """Return a client for the gateway that was asked for."""
        from carport.client import Client

        if self.port is not None and self.via == "lan":
            raise UsageError("--port is a serial port: leave it out, or --via lan")
        return Client(
            self.gateway,
            via=self.via,
            port=self.port,
            timeout_s=self.timeout_s,
            on_log=self.log,
        )

    def run(self, work: "Callable[[Client], Awaitable[T]]") -> T:
        """Run work with a client, which stays connected until the command has printed its result.

        Then it may end what goes on in the background, such as giving the gateway its time.
        """
        import asyncio

        client = self.client()
        context = click.get_current_context()
        runner = context.with_resource(asyncio.Runner())

        async def connected() -> T:
            try:
                return await work(client)
            except BaseException:
                await client.close()
                raise

        async def end() -> None:
            await client.settle()
            await client.close()

        def run_end() -> None:
            with suppress(KeyboardInterrupt):  # what was asked for is done
                runner.run(end())

        with stoppable(client):
            result = runner.run(connected())
        context.call_on_close(run_end)
        return result


@contextmanager
def stoppable(client: "Client") -> Iterator[None]:
    """Let Ctrl-C say what may still come of what client has sent, if that is anything."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        if client.may_happen:
            raise StoppedError(f"interrupted: {client.may_happen}") from error
        raise


def complete_car(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the installed profiles that begin like that."""
    from carport.cli.vss import profile_names

    return [name for name in profile_names() if name.startswith(incomplete)]


def _complete_gateway(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    from carport.client.known_gateways import known_gateways

    return [each.name for each in known_gateways() if each.name.startswith(incomplete)]


_CONNECTION = [
    click.option(
        "--gateway",
        metavar="NAME",
        shell_complete=_complete_gateway,
        help="Which gateway, if several are paired.",
    ),
    click.option(
        "--via",
        type=click.Choice(["lan", "serial", "auto"]),
        default="auto",
        show_default=True,
        help="The network, the cable, or what answers.",
    ),
]
_ALWAYS = [
    click.option("--port", metavar="PORT", help="Serial port, such as /dev/ttyUSB0."),
    click.option(
        "--timeout",
        "timeout_s",
        metavar="S",
        type=click.FloatRange(0, 3600, min_open=True),
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        help="Seconds to wait for the gateway.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Print the board's log."),
]


def gateway_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options, as its first argument."""

    @wraps(function)
    def command(
        *args: Any,
        gateway: str | None,
        via: "Via",
        port: str | None,
        timeout_s: float,
        as_json: bool,
        is_verbose: bool,
        **kwargs: Any,
    ) -> Any:
        if math.isnan(timeout_s):
            raise UsageError("--timeout is a number of seconds: give one up to 3600")
        logging.basicConfig(level=logging.CRITICAL)  # what libraries log is not for the owner
        options = Options(gateway, via, port, timeout_s, as_json, is_verbose)
        return function(options, *args, **kwargs)

    for option in reversed(_CONNECTION + _ALWAYS):
        command = option(command)
    return command
