"""The owner's own program: carport's client, with aiocoap below it, in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import cbor2

from carport.client import Client
from carport.client.keys import KeyExchange
from carport.client.known_gateways import KnownGateway
from carport.client.session import Session
from gateway.coap.numbers import CHANGED, POST
from tests.models.host import Host

T = TypeVar("T")

_END_S = 5.0


def known_gateway(owner: Host, folder: Path, address: str) -> KnownGateway:
    """Return the gateway as a program of the owner's knows it, with a key that is enrolled now."""
    exchange = KeyExchange("enrol")
    response = owner.request(POST, ["keys"], exchange.payload)
    assert response.code == CHANGED, response
    key = exchange.finish(response.payload)
    gateway = KnownGateway(folder, [address])
    gateway.contexts.folder.mkdir(parents=True)
    gateway.contexts.add(key.sender_id, key.recipient_id, key.secret)
    return gateway


class Program:
    """A client that reaches the gateway at `address`, with a key that `owner` enrols for it."""

    def __init__(self, owner: Host, folder: Path, address: str, timeout_s: float = 15) -> None:
        self.gateway = known_gateway(owner, folder, address)
        self._timeout_s = timeout_s
        self._loop = asyncio.new_event_loop()
        # aiocoap's own log call fails when a request is given up at its end.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.client = self.do(self._open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.do(self.client.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)
        self._loop.close()

    def do(self, what: Callable[[], Awaitable[T]]) -> T:
        """Do it, and return its result."""
        return self.begin(what).result()

    def begin(self, what: Callable[[], Awaitable[T]]) -> "Future[T]":
        """Begin to do it."""

        async def run() -> T:
            return await what()

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    @contextmanager
    def watching_locks(self) -> Iterator[list[bool]]:
        """Watch whether a door is locked, as the gateway tells it again and again."""
        seen: list[bool] = []
        task = self.do(lambda: self._begin_watching(seen))
        try:
            yield seen
        finally:
            self.do(lambda: _end(task))

    async def _begin_watching(self, seen: list[bool]) -> "asyncio.Task[None]":
        return asyncio.create_task(self._watch(seen))

    async def _watch(self, seen: list[bool]) -> None:
        context = self.gateway.contexts.claim()
        assert context is not None
        session = await Session.open(context)
        session.address = self.gateway.addresses[0]
        try:
            async for response in session.observe("lock", timeout_s=self._timeout_s):
                seen += [record[4] for record in cbor2.loads(response.payload) if 4 in record][:1]
        finally:
            await session.close()

    async def _open(self) -> Client:
        return Client(self.gateway, via="lan", timeout_s=self._timeout_s)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
