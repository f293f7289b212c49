"""Somebody between a host and the gateway, on the network or the cable, who keeps what passes."""

import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from gateway.slipmux import COAP, Decoder
from tests.waiting import PATIENCE_S

_MAX_BYTES = 2048
_POLL_S = 0.05

Address = tuple[str, int]


class Passed(NamedTuple):
    """A datagram that passed: towards the gateway, or back; `host` tells hosts apart."""

    is_request: bool
    host: object
    data: bytes


class _Tap:
    """Runs `_pass_on` in a thread, again and again, inside the `with`."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

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
        self._thread.join(PATIENCE_S)
        self._close()

    def requests(self) -> list[bytes]:
        """Return what went to the gateway so far."""
        return [each.data for each in self.passed if each.is_request]

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self._pass_on()

    def _pass_on(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class UdpTap(_Tap):
    """Takes a gateway's place on the network; each host gets a socket of its own behind it.

    is_lost: tells which datagrams from hosts vanish on the way; it may be changed.
    """

    def __init__(self, coap: str, is_lost: Callable[[bytes], bool] = lambda data: False) -> None:
        super().__init__()
        self._gateway = address_of(coap)
        self.is_lost = is_lost
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._backs: dict[Address, socket.socket] = {}

    @property
    def address(self) -> str:
        """Where hosts send to: "127.0.0.1:port"."""
        host, port = self._front.getsockname()
        return f"{host}:{port}"

    def send_again(self, data: bytes) -> bytes:
        """Send a captured datagram from the very socket it came by; return the answer."""
        host = next(each.host for each in self.passed if each.is_request and each.data == data)
        before = len(self.passed)
        self._backs[host].send(data)  # type: ignore[index]
        return self._next_answer(host, before)

    def _next_answer(self, host: object, since: int) -> bytes:
        ending = threading.Event()
        timer = threading.Timer(PATIENCE_S, ending.set)
        timer.start()
        while not ending.wait(0.001):
            for each in self.passed[since:]:
                if not each.is_request and each.host == host:
                    timer.cancel()
                    return each.data
        raise AssertionError("the gateway does not answer what it is sent again")

    def _pass_on(self) -> None:
        hosts = {back: host for host, back in self._backs.items()}
        ready, _, _ = select.select([self._front, *hosts], [], [], _POLL_S)
        for each in ready:
            try:
                data, host = each.recvfrom(_MAX_BYTES)
            except ConnectionRefusedError:  # nobody is there just now
                continue
            if each is not self._front:
                self.passed.append(Passed(False, hosts[each], data))
                self._front.sendto(data, hosts[each])
            elif not self.is_lost(data):
                self.passed.append(Passed(True, host, data))
                self._back(host).send(data)

    def _back(self, host: Address) -> socket.socket:
        if host not in self._backs:
            self._backs[host] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._backs[host].connect(self._gateway)
        return self._backs[host]

    def _close(self) -> None:
        for each in (self._front, *self._backs.values()):
            each.close()


class CableTap(_Tap):
    """Sits in the middle of the cable: hosts open `port`."""

    def __init__(self, serial: str) -> None:
        super().__init__()
        self._board = os.open(serial, os.O_RDWR | os.O_NOCTTY)
        self._host, self._host_slave = pty.openpty()
        for fd in (self._board, self._host_slave):
            tty.setraw(fd)
        self.port = os.ttyname(self._host_slave)
        self._decoders = {self._board: Decoder(), self._host: Decoder()}

    def _pass_on(self) -> None:
        ready, _, _ = select.select([self._board, self._host], [], [], _POLL_S)
        for fd in ready:
            data = os.read(fd, _MAX_BYTES)
            for kind, content in self._decoders[fd].feed(data):
                if kind == COAP:
                    self.passed.append(Passed(fd == self._host, self.port, content))
            os.write(self._host if fd == self._board else self._board, data)

    def _close(self) -> None:
        for fd in (self._board, self._host, self._host_slave):
            os.close(fd)


def address_of(coap: str) -> Address:
    """Return the address in a URI."""
    parts = urlsplit(coap)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def ask(coap: str, data: bytes) -> bytes:
    """Send a datagram from a new address; return the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(PATIENCE_S)
        stranger.connect(address_of(coap))
        stranger.send(data)
        return stranger.recv(_MAX_BYTES)
