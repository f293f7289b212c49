"""Somebody on the network between the owner and the gateway, who records what passes."""

import select
import socket
import threading
from types import TracebackType
from typing import Self

_DATAGRAM_MAX = 2048
_POLL_S = 0.05
_ANSWER_TIMEOUT_S = 20.0

Address = tuple[str, int]


class Tap:
    """Passes datagrams on between a client and the gateway, until `stop`.

    address: where clients send to. passed: what went to the gateway, byte for byte; after `stop`
    it may be sent again, from the address that the gateway knows, until the end of the `with`.
    """

    def __init__(self, gateway: Address) -> None:
        self.passed: list[bytes] = []
        self._front = _socket()
        self._back = _socket()
        self._front.bind(("127.0.0.1", 0))
        self._back.connect(gateway)
        self._client: Address | None = None
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._pass_on, name="tap", daemon=True)

    @property
    def address(self) -> str:
        """The address as a client takes it: "127.0.0.1:port"."""
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
        self.stop()
        self._front.close()
        self._back.close()

    def stop(self) -> None:
        """Pass on nothing more."""
        self._is_ending.set()
        self._thread.join()

    def send_again(self, data: bytes) -> bytes | None:
        """Send data from the same address as before; return the answer, None if there is none."""
        return _ask(self._back, data)

    def _pass_on(self) -> None:
        while not self._is_ending.is_set():
            ready, _, _ = select.select([self._front, self._back], [], [], _POLL_S)
            if self._front in ready:
                data, self._client = self._front.recvfrom(_DATAGRAM_MAX)
                self.passed.append(data)
                self._back.send(data)
            if self._back in ready and self._client is not None:
                self._front.sendto(self._back.recv(_DATAGRAM_MAX), self._client)


def send_from_elsewhere(data: bytes, gateway: Address) -> bytes | None:
    """Send data to the gateway from a new address; return the answer, None if there is none."""
    with _socket() as elsewhere:
        elsewhere.connect(gateway)
        return _ask(elsewhere, data)


def _ask(asking: socket.socket, data: bytes) -> bytes | None:
    asking.settimeout(_ANSWER_TIMEOUT_S)
    asking.send(data)
    try:
        return asking.recv(_DATAGRAM_MAX)
    except TimeoutError:
        return None


def _socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
