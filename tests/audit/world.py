"""What waits behind the router: a machine that answers whoever asks it anything.

It knows every name, takes every datagram for an echo request, and every connection.
"""

import select
import socket
import threading
from types import TracebackType
from typing import Self

from tests.audit.place import Place

DNS_PORT = 53
NTP_PORT = 123
ECHO_PORT = 7
HTTP_PORT = 80

_MAX_BYTES = 2048
_POLL_S = 0.05
_ADDRESS = b"\xc6\x33\x64\x35"  # 198.51.100.53, for every name


class World:
    """Serves in the `with`; `heard`: what came, with its sender's address."""

    def __init__(self, place: Place) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._place = place
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._sockets = self._place.call(_open)
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
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        while not self._is_ending.is_set():
            for each in select.select(self._sockets, [], [], _POLL_S)[0]:
                if each.type == socket.SOCK_STREAM:
                    connection, peer = each.accept()
                    connection.close()
                    self.heard.append((peer[0], b""))
                    continue
                data, peer = each.recvfrom(_MAX_BYTES)
                self.heard.append((peer[0], data))
                is_name = each.getsockname()[1] == DNS_PORT
                each.sendto(_dns_answer(data) if is_name else data, peer)


def _open() -> list[socket.socket]:
    """Open the doors, for IPv4 and IPv6."""
    opened = []
    for port in (DNS_PORT, NTP_PORT, ECHO_PORT):
        opened.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        opened[-1].bind(("::", port))
    door = socket.create_server(("::", HTTP_PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    opened.append(door)
    return opened


def _dns_answer(question: bytes) -> bytes:
    """Return the answer with an A record (RFC 1035 section 4.1)."""
    counts = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
    end = question.find(b"\0", 12) + 5
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + _ADDRESS
    return question[:2] + counts + question[12:end] + record
