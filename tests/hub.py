"""The CAN hub as a test instrument: it runs in a thread, so that blocking clients can use it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import can

from carport.hub import Counters, Hub
from tests.waiting import PATIENCE_S, wait_until

Result = TypeVar("Result")


class HubThread:
    """A running hub; `port` is where it listens."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self.port = port
        self._hub = hub
        self._loop = loop

    def client(self, channel: str = "can0") -> can.BusABC:
        """Return python-can's own client, unmodified."""
        return can.Bus(interface="socketcand", host="127.0.0.1", port=self.port, channel=channel)

    def counters(self, channel: str = "can0") -> Counters:
        """Return the channel's counters."""
        return self._call(lambda: self._hub.counters(channel))

    def connections(self) -> int:
        """Return how many programs are connected, whatever channel they are on."""
        return self._call(lambda: len(self._hub._connections))

    def wait_for(self, condition: Callable[[Counters], bool], channel: str = "can0") -> None:
        """Return once the channel's counters are so."""
        wait_until(lambda: condition(self.counters(channel)), lambda: self.counters(channel))

    def set_connected(self, channel: str, is_connected: bool) -> None:
        """Cut or mend the controllers' wires."""
        self._call(lambda: self._hub.set_connected(channel, is_connected))

    def force_bus_off(self, channel: str) -> None:
        """Make the controllers go bus-off."""
        self._call(lambda: self._hub.force_bus_off(channel))

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Hold the hub's thread up meanwhile, as a busy machine would."""
        go_on = threading.Event()
        holding = threading.Event()

        def hold() -> None:
            holding.set()
            go_on.wait()

        self._loop.call_soon_threadsafe(hold)
        holding.wait()
        try:
            yield
        finally:
            go_on.set()

    def stop(self) -> None:
        """Stop the hub before its time."""
        asyncio.run_coroutine_threadsafe(self._hub.stop(), self._loop).result(PATIENCE_S)

    def _call(self, function: Callable[[], Result]) -> Result:
        async def call() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE_S)


@contextmanager
def running_hub(bitrate: int = 500_000) -> Iterator[HubThread]:
    """Run a hub with can0 and can1 on a free port; at the end no task may be left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    hub = Hub(bitrate=bitrate)
    try:
        port = asyncio.run_coroutine_threadsafe(hub.start(), loop).result(PATIENCE_S)
        yield HubThread(hub, loop, port)
        asyncio.run_coroutine_threadsafe(hub.stop(), loop).result(PATIENCE_S)
        assert asyncio.all_tasks(loop) == set()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()
