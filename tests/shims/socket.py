"""`socket`, as far as the firmware uses it; see tests/shims.

An address is (host, port), and a socket that was sent an empty datagram believes that its peer has
closed a connection: it reads no more until it is bound, or told to listen. Source: MicroPython,
ports/esp32/modsocket.c (_socket_read_data, socket_bind, socket_listen).
"""

import errno
import io
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_path = sys.path[:]
sys.path[:] = []  # then a module is the VM's own
import socket as _real  # noqa: E402

sys.path[:] = _path

AF_INET = 2
SOCK_DGRAM = 2
SOL_SOCKET = 4095
SO_REUSEADDR = 4
IP_ADD_MEMBERSHIP = 3

_STREAM_POLL = 3
_IPPROTO_IP = 0
_LINUX_IP_ADD_MEMBERSHIP = 35


def getaddrinfo(__host: str, __port: int) -> "Any":
    return [(AF_INET, 1, 0, "", (__host, __port))]


class socket(io.IOBase):  # noqa: N801 - its name there
    """A socket of the VM behind that of a board."""

    def __init__(self, __af: int = AF_INET, __type: int = 1) -> None:
        assert __type == SOCK_DGRAM
        self._socket: Any = _real.socket(_real.AF_INET, _real.SOCK_DGRAM)
        self._is_closed_by_peer = False
        self._poll: Any = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def bind(self, __address: "Any") -> None:
        self._is_closed_by_peer = False
        self._socket.bind(_inner(__address))

    def listen(self, __backlog: int = 2) -> None:
        self._is_closed_by_peer = False
        raise OSError(errno.EOPNOTSUPP)

    def connect(self, __address: "Any") -> None:
        self._socket.connect(_inner(__address))

    def setblocking(self, __value: bool) -> None:
        self._socket.setblocking(__value)

    def setsockopt(self, __level: int, __optname: int, __value: "Any") -> None:
        if __optname == IP_ADD_MEMBERSHIP:
            assert len(__value) == 8
            option = getattr(_real, "IP_ADD_MEMBERSHIP", _LINUX_IP_ADD_MEMBERSHIP)
            self._socket.setsockopt(_IPPROTO_IP, option, __value)
        elif __optname == SO_REUSEADDR:
            self._socket.setsockopt(_real.SOL_SOCKET, _real.SO_REUSEADDR, __value)
        else:
            print("Warning: lwip.setsockopt() option not implemented")

    def recvfrom(self, __bufsize: int) -> "Any":
        if self._is_closed_by_peer:
            return b"", ("0.0.0.0", 0)  # on a board, whatever there was in memory
        data, address = self._socket.recvfrom(__bufsize)
        self._is_closed_by_peer = not data
        return data, (".".join(str(part) for part in address[4:8]), address[2] << 8 | address[3])

    def recv(self, __bufsize: int) -> bytes:
        data: bytes = self.recvfrom(__bufsize)[0]
        return data

    def send(self, __bytes: "Any") -> int:
        sent: int = self._socket.send(__bytes)
        return sent

    def sendto(self, __bytes: "Any", __address: "Any") -> int:
        sent: int = self._socket.sendto(__bytes, _inner(__address))
        return sent

    def close(self) -> None:
        self._socket.close()

    def ioctl(self, request: int, argument: int) -> int:
        """Answer select.poll: the real one does so in C."""
        if request != _STREAM_POLL:
            return -1
        for _ in self._poll.ipoll(0):
            return argument & 1
        return 0


def _inner(address: "tuple[str, int]") -> "Any":
    return _real.getaddrinfo(address[0], address[1])[0][-1]
