"""A host's socket in front of a running gateway."""

import select
import socket
import sys
import time
from collections.abc import Hashable
from contextlib import suppress
from types import TracebackType
from typing import Self

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, CON, EMPTY
from gateway.errors import DecodeError

ANSWER_S = 2.0
STRANGER = "127.0.0.66" if sys.platform == "linux" else "127.0.0.1"
"""An address on this machine where no owner is; other systems have one alone."""

PATIENCE_S = 10.0  # of one who knows that there is an answer, on a machine with much to do
_MAX_BYTES = 2048

Address = tuple[str, int]


class Lan:
    """An address of its own on the network; stands in for tests.models.shell.Shell.

    datagrams: the answers, each with the peer whose request came before it.
    """

    def __init__(self, gateway: Address, source: str) -> None:
        self.datagrams: list[tuple[bytes, Hashable]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect(gateway)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def receive_datagram(self, data: bytes, peer: Hashable, on_cable: bool = False) -> None:
        """Bring the gateway a datagram, and keep what it says until it has answered."""
        self.drain()
        self.socket.send(data)
        while (answer := self.receive(PATIENCE_S)) is not None:
            self.datagrams.append((answer, peer))
            if is_answer(answer, data):
                return

    def ask(self, data: bytes, timeout_s: float = ANSWER_S) -> bytes | None:
        """Send a datagram; return the next one that comes, None if none does."""
        self.drain()
        self.socket.send(data)
        return self.receive(timeout_s)

    def receive(self, timeout_s: float = ANSWER_S) -> bytes | None:
        """Return the next datagram, acknowledged if it wants to be; None if none comes."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([self.socket], [], [], left_s)[0]:
                return None
            with suppress(ConnectionRefusedError):  # nobody is there just now
                data = self.socket.recv(_MAX_BYTES)
                self._acknowledge(data)
                return data

    def drain(self) -> list[bytes]:
        """Return what has come, without waiting."""
        came = []
        while (data := self.receive(0)) is not None:
            came.append(data)
        return came

    def _acknowledge(self, data: bytes) -> None:
        if len(data) > 4 and data[0] >> 4 & 3 == CON:
            message_id = int.from_bytes(data[2:4])
            self.socket.send(message.encode(Message(ACK, EMPTY, message_id)))


def is_answer(answer: bytes, request: bytes) -> bool:
    """Tell whether this is more than an acknowledgement, and has the request's token."""
    return answer[1] != EMPTY and message.decode(answer).token == message.decode(request).token


def told(answer: bytes | None) -> str:
    """Return in a few words what an answer says to somebody without a key."""
    if answer is None:
        return "silence"
    try:
        outer = message.decode(answer)
    except DecodeError:
        return "no CoAP message"
    if outer.code == EMPTY:
        return "RST" if outer.type == 3 else "empty ACK"
    code = f"{outer.code >> 5}.{outer.code & 31:02}"
    if is_sealed(answer):
        return f"{code} sealed"
    return f"{code} {outer.payload.decode(errors='replace')}".strip()


def is_sealed(answer: bytes | None) -> bool:
    """Tell whether an answer is one that OSCORE protects: somebody was believed."""
    if answer is None:
        return False
    return any(number == 9 for number, _ in message.decode(answer).options)
