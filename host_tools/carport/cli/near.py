"""A gateway by its cable if that answers, else by the network: for what is done beside it."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from carport.cli.options import Options, stoppable
from carport.errors import NoAnswerError, UsageError

if TYPE_CHECKING:
    from carport.client import Client
    from carport.client.known_gateways import KnownGateway
    from carport.client.route import Via

T = TypeVar("T")

_CABLE_S = 5.0


class Near:
    """Runs work with a client of its own; `via` is the way, once it was found."""

    def __init__(self, options: Options, gateway: "KnownGateway") -> None:
        self.gateway = gateway
        self.via: Via = "serial" if options.port is not None else options.via
        self._options = options

    def run(self, work: "Callable[[Client], Awaitable[T]]") -> T:
        """Run work with a client, which is closed when it is done."""
        if self.via != "auto":
            return self._run(self.via, self._options.timeout_s, work)
        if _may_have_cable(self.gateway):
            try:
                done = self._run("serial", min(self._options.timeout_s, _CABLE_S), work)
            except (NoAnswerError, UsageError):
                pass
            else:
                self.via = "serial"
                return done
        done = self._run("lan", self._options.timeout_s, work)
        self.via = "lan"
        return done

    def _run(self, via: "Via", timeout_s: float, work: "Callable[[Client], Awaitable[T]]") -> T:
        import asyncio

        options = replace(self._options, gateway=self.gateway.name, via=via, timeout_s=timeout_s)
        client = options.client()

        async def connected() -> T:
            async with client:
                return await work(client)

        with stoppable(client):
            return asyncio.run(connected())


def _may_have_cable(gateway: "KnownGateway") -> bool:
    from carport.client.emulators import running_emulators

    port = gateway.serial_port
    is_there = port is not None and ("://" in port or os.path.exists(port))
    return is_there or bool(running_emulators())
