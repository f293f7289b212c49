"""The cable to a running gateway, for a host that may speak on the network as well."""

import os
import select
import time
import tty
from collections.abc import Hashable
from types import TracebackType

from gateway.slipmux import COAP, Decoder, encode_coap
from tests.attack.lan import PATIENCE_S, Address, Lan, is_answer

_CHUNK_BYTES = 4096


class Cable(Lan):
    """The serial line, and an address on the network; stands in for tests.models.shell.Shell."""

    def __init__(self, gateway: Address, source: str, serial: str) -> None:
        super().__init__(gateway, source)
        self._serial = os.open(serial, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._serial)
        self._decoder = Decoder()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        os.close(self._serial)

    def receive_datagram(self, data: bytes, peer: Hashable, on_cable: bool = False) -> None:
        """Bring the gateway a datagram, and keep what it says until it has answered."""
        if not on_cable:
            super().receive_datagram(data, peer)
            return
        answers = self.ask_by_cable(data)
        self.datagrams += [(answer, peer) for answer in answers]

    def ask_by_cable(self, data: bytes) -> list[bytes]:
        """Send a message; return what comes until it is answered."""
        self.write(encode_coap(data))
        deadline_s = time.monotonic() + PATIENCE_S
        answers: list[bytes] = []
        while not any(is_answer(answer, data) for answer in answers):
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([self._serial], [], [], left_s)[0]:
                break
            frames = self._decoder.feed(os.read(self._serial, _CHUNK_BYTES))
            answers += [content for kind, content in frames if kind == COAP]
        return answers

    def write(self, data: bytes) -> None:
        """Put bytes on the cable."""
        while data:
            data = data[os.write(self._serial, data) :]
