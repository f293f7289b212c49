"""Somebody on the way between the owner's program and the gateway, who decides what passes."""

import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from tests.attack.lan import Address

_MAX_BYTES = 2048
_POLL_S = 0.02


class Passed(NamedTuple):
    """A datagram that came by: towards the gateway, or back."""

    is_request: bool
    data: bytes


class Path:
    """Takes the gateway's place for one host; the gateway hears it from one address.

    Attributes:
        passed: what came by, whether it was let through or not.
        carry: called with each; returns what goes on instead, in the same direction.
    """

    def __init__(self, gateway: Address) -> None:
        self.passed: list[Passed] = []
        self.carry: Callable[[Passed], list[bytes]] = let_through
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect(gateway)
        self._host: Address | None = None
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def address(self) -> str:
        """Where the host sends to: "127.0.0.1:port"."""
        host, port = self._front.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_ending.set()
        self._thread.join()
        self._front.close()
        self._back.close()

    def requests(self, since: int = 0) -> list[bytes]:
        """Return what the host has sent."""
        return [each.data for each in self.passed[since:] if each.is_request]

    def answers(self, since: int = 0) -> list[bytes]:
        """Return what the gateway has sent."""
        return [each.data for each in self.passed[since:] if not each.is_request]

    def to_gateway(self, data: bytes) -> None:
        """Send a datagram to the gateway from the host's address, as the gateway knows it."""
        self._back.send(data)

    def to_host(self, data: bytes) -> None:
        """Send a datagram to the host, from the gateway's address as it knows it."""
        assert self._host is not None
        self._front.sendto(data, self._host)

    def _run(self) -> None:
        while not self._is_ending.is_set():
            ready, _, _ = select.select([self._front, self._back], [], [], _POLL_S)
            for each in ready:
                try:
                    data, host = each.recvfrom(_MAX_BYTES)
                except ConnectionRefusedError:  # nobody is there just now
                    continue
                self._pass_on(Passed(each is self._front, data), host)

    def _pass_on(self, datagram: Passed, sender: Address) -> None:
        self.passed.append(datagram)
        if datagram.is_request:
            self._host = sender
        send = self.to_gateway if datagram.is_request else self.to_host
        for data in self.carry(datagram):
            send(data)


def let_through(datagram: Passed) -> list[bytes]:
    """Let everything pass as it is."""
    return [datagram.data]
