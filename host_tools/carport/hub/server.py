"""The hub on a TCP port: channels that socketcand clients open, paced by the real clock.

The event loop wakes about once a millisecond, so frames come in small bunches; their times are
the bus's and exact. When this process was held up, the buses stood still for as long: frames
that had no time to be read must not all come at once and overflow a FIFO.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from carport.hub.channel import Channel
from carport.hub.protocol import MESSAGE_MAX, split_messages
from carport.hub.session import Session

HOST = "127.0.0.1"
LAG_MAX_US = 4_000
UNREAD_MAX = 1 << 20  # bytes that a client may leave unread before it loses frames


@dataclass(frozen=True)
class Counters:
    """What a bus did so far; pending frames wait to be sent, the load is of the last second."""

    nodes: int
    pending: int
    frames: int
    errors: int
    load_percent: float


class Hub:
    """CAN channels in this process, open to any program that speaks the socketcand protocol."""

    def __init__(self, channels: Iterable[str] = ("can0", "can1"), bitrate: int = 500_000) -> None:
        self._channels = {name: Channel(name, bitrate) for name in channels}
        self._stood_still_us = 0
        self._epoch_us = time.time_ns() // 1000 - self.now_us()
        self._is_open = False
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_us = 0

    async def start(self, port: int = 0) -> int:
        """Listen on this port of the loopback interface, 0 for any free one, and return it.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._is_open = True
        self._server = await loop.create_server(lambda: _Connection(self), HOST, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._is_open = False
        self._server.close()
        for connection in self._connections:
            connection.abort()
        while self._connections:
            await asyncio.sleep(0)
        await self._server.wait_closed()
        self._server = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def counters(self, channel: str) -> Counters:
        """Return what went over the channel."""
        now_us = self.now_us()
        bus = self._channels[channel].bus
        bus.advance(now_us)
        pending = sum(len(node.queue) for node in bus.nodes)
        load_percent = bus.load_percent(now_us)
        return Counters(len(bus.nodes), pending, bus.frames, bus.errors, load_percent)

    def set_connected(self, channel: str, is_connected: bool) -> None:
        """Cut or mend the wire between the channel and the controllers on it.

        A controller that is cut off hears nothing and is not acknowledged.
        """
        self._channels[channel].set_connected(is_connected, self.now_us())
        self.advance()

    def set_wrong_bitrate(self, channel: str) -> None:
        """Let the controllers on the channel run at another bit rate, until they are connected."""
        self._channels[channel].set_wrong_bitrate(self.now_us())
        self.advance()

    def set_breaks(self, channel: str, every: int) -> None:
        """Let one of so many frames on the channel break, 0 for none."""
        self._channels[channel].bus.breaks_every = every

    def force_bus_off(self, channel: str) -> None:
        """Make the controllers on the channel go bus-off."""
        self._channels[channel].force_bus_off(self.now_us())
        self.advance()

    def open_session(self, connection: "_Connection") -> Session:
        """Return the conversation for a new connection, which ends at once if the hub does."""
        self._connections.add(connection)
        if not self._is_open:
            connection.abort()
        return Session(self._channels)

    def close_session(self, connection: "_Connection") -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)
        connection.session.close(self.now_us())
        self.advance()

    def advance(self) -> None:
        """Let the buses catch up with the clock, tell the clients, and set the next alarm."""
        now_us = self.now_us()
        epoch_us = self._epoch_us + self._stood_still_us
        for channel in self._channels.values():
            channel.advance(now_us)
        for connection in self._connections:
            connection.flush(now_us, epoch_us)
        self._set_timer(now_us)

    def now_us(self) -> int:
        """Return the time of the buses."""
        now_us = time.monotonic_ns() // 1000 - self._stood_still_us
        for channel in self._channels.values():
            due_us = channel.next_timeout()
            if due_us is not None and now_us > due_us + LAG_MAX_US:
                self._stood_still_us += now_us - due_us - LAG_MAX_US
                now_us = due_us + LAG_MAX_US
        return now_us

    def _set_timer(self, now_us: int) -> None:
        timeouts = [each.next_timeout() for each in self._channels.values()]
        timeouts += [each.session.next_timeout() for each in self._connections]
        due_us = min((each for each in timeouts if each is not None), default=None)
        if self._timer is not None:
            if due_us == self._timer_us:
                return
            self._timer.cancel()
            self._timer = None
        if due_us is not None and self._is_open:
            delay_s = (due_us - now_us) / 1_000_000
            self._timer_us = due_us
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.advance()


class _Connection(asyncio.Protocol):
    """One client's TCP connection."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport  # asyncio has set TCP_NODELAY
        self.session = self._hub.open_session(self)
        self._hub.advance()

    def data_received(self, data: bytes) -> None:
        messages, self._rest = split_messages(self._rest + data)
        now_us = self._hub.now_us()
        for words in messages:
            self.session.handle(words, now_us)
        self._hub.advance()
        if len(self._rest) > MESSAGE_MAX:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._hub.close_session(self)

    def flush(self, now_us: int, epoch_us: int) -> None:
        """Write what the session has to say, unless the client has long stopped reading."""
        text = self.session.take_output(now_us, epoch_us)
        transport = self._transport
        if text and transport is not None and transport.get_write_buffer_size() < UNREAD_MAX:
            transport.write(text.encode("ascii", "replace"))

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
