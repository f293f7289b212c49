"""The cable as an address: a UDP socket on the loopback interface, slipmux behind it.

So CoAP libraries talk over serial as they are. The relay serves the first socket that speaks to
it, which is our own process's, and no other. What the cable cannot take, or brings damaged, is
lost: CoAP sends it again.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import serial

from gateway.slipmux import COAP, Decoder, encode_coap

Address = tuple[str | Any, int]


class CableRelay(asyncio.DatagramProtocol):
    """Carries datagrams between one UDP socket and one open serial port, which it owns."""

    def __init__(self, port: serial.Serial, on_log: Callable[[str], None]) -> None:
        """on_log is given each log line that the board writes between its messages."""
        self._port = port
        self._on_log = on_log
        self._decoder = Decoder()
        self._peer: Address | None = None
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._reader = threading.Thread(target=self._read, name="carport cable", daemon=True)

    @property
    def address(self) -> str:
        """Where to send datagrams for the board: "127.0.0.1:port"."""
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    async def close(self) -> None:
        """Close both ends."""
        self._is_closing = True
        self._transport.close()
        if hasattr(self._port, "cancel_read"):  # not where the port is a socket
            self._port.cancel_read()
        await asyncio.to_thread(self._reader.join)
        self._port.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The UDP socket is there: begin to read from the cable."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._reader.start()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Send a datagram of our own socket down the cable."""
        if self._peer is None:
            self._peer = addr
        if addr == self._peer:
            try:
                self._port.write(encode_coap(data))
            except serial.SerialTimeoutException:
                pass  # the board takes nothing just now
            except serial.SerialException:
                self._transport.close()

    def _read(self) -> None:
        """Pass on what the cable brings, until we close or it is pulled; runs in a thread."""
        try:
            while not self._is_closing:
                data = self._port.read(max(1, self._port.in_waiting))
                if data:
                    self._loop.call_soon_threadsafe(self._received, data)
        except (serial.SerialException, OSError, TypeError):  # TypeError: closed while it reads
            if not self._is_closing:
                self._loop.call_soon_threadsafe(self._transport.close)

    def _received(self, data: bytes) -> None:
        for kind, content in self._decoder.feed(data):
            if kind != COAP:
                self._on_log(content.decode(errors="replace"))
            elif self._peer is not None and not self._transport.is_closing():
                self._transport.sendto(content, self._peer)


async def start_relay(port: serial.Serial, on_log: Callable[[str], None]) -> CableRelay:
    """Return a relay to the open port."""
    _, relay = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: CableRelay(port, on_log), local_addr=("127.0.0.1", 0)
    )
    return relay
