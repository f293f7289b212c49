"""A running gateway behind UDP and a cable, for the tests' model of a host."""

import os
import select
import socket
import termios
import tty
from collections.abc import Hashable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from gateway.slipmux import COAP, LOG, Decoder, encode_coap
from tests.waiting import PATIENCE_S


class Wire:
    """Sends a datagram and waits for its answer; stands in for `tests.models.shell.Shell`."""

    def __init__(self, coap: str, serial: str, is_flushed: bool = True) -> None:
        address = urlsplit(coap)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind((address.hostname, 0))  # so it is on the gateway's network, whichever
        self.socket.connect((address.hostname, address.port))
        self.datagrams: list[tuple[bytes, Hashable]] = []
        self.logs: list[str] = []
        self._serial = os.open(serial, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._serial)
        if is_flushed:
            termios.tcflush(self._serial, termios.TCIOFLUSH)
        self._decoder = Decoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()
        os.close(self._serial)

    def receive_datagram(self, data: bytes, peer: Hashable, on_cable: bool = False) -> None:
        """Bring the gateway a datagram, and keep its answer."""
        if on_cable:
            self.write_serial(encode_coap(data))
            answer = self.read_message()
        else:
            self.socket.send(data)
            answer = self.socket.recv(2048)
        self.datagrams.append((answer, peer))

    def write_serial(self, data: bytes) -> None:
        """Put bytes on the cable."""
        while data:
            data = data[os.write(self._serial, data) :]

    def is_hung_up(self) -> bool:
        """Tell whether the cable's other end is gone."""
        poll = select.poll()
        poll.register(self._serial, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def read_message(self) -> bytes:
        """Return the next message from the cable, keeping the log lines before it."""
        while True:
            readable, _, _ = select.select([self._serial], [], [], PATIENCE_S)
            assert readable, f"no message on the cable, only {self.logs}"
            message = None
            for kind, content in self._decoder.feed(os.read(self._serial, 4096)):
                if kind == COAP:
                    assert message is None, "two messages for one request"
                    message = content
                elif kind == LOG:
                    self.logs.append(content.decode())
            if message is not None:
                return message
