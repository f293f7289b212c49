"""The cable: CoAP messages and log lines in slipmux on a serial port."""

from gateway.slipmux import COAP, Decoder, encode_coap, encode_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from firmware.no_gateway import NoGateway
    from gateway.core import Gateway

    class SerialPort(Protocol):
        """What machine.UART does, and a `stream` to poll; `readinto` never waits."""

        stream: Any

        def readinto(self, buffer: bytearray) -> int: ...

        def write(self, data: bytes) -> None: ...


PEER = b"cable"  # the peer of whatever came over it; on a PC the others are bytes as well

_READ_BYTES = 256


class Cable:
    """The core's cable, on a serial port.

    heard_ms: when something last came.
    """

    def __init__(
        self, gateway: "Gateway | NoGateway", uart: "SerialPort", decoder: Decoder
    ) -> None:
        self.stream = uart.stream
        self._decoder = decoder
        self._gateway = gateway
        self._uart = uart
        self._buffer = bytearray(_READ_BYTES)
        self._view = memoryview(self._buffer)
        self.heard_ms = 0

    def handle(self, now_ms: int) -> None:
        """Pass on the messages that the bytes complete which have come, up to a buffer full."""
        length = self._uart.readinto(self._buffer)
        if not length:
            return
        self.heard_ms = now_ms
        for kind, content in self._decoder.feed(self._view[:length]):
            if kind == COAP:
                self._gateway.receive_datagram(content, PEER, now_ms, True)

    def send(self, datagram: bytes) -> None:
        """Send a message."""
        self._uart.write(encode_coap(datagram))

    def log(self, line: str) -> None:
        """Send a log line."""
        self._uart.write(encode_log(line))
