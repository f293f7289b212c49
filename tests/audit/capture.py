"""Every packet that passes an interface, kept as it was."""

import socket
import struct
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

from tests.audit.place import Place

_ALL = 0x0003  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING
_SOL_PACKET = 263
_STATISTICS = 6
_MAX_BYTES = 65536
_BUFFER_BYTES = 4 << 20
_POLL_S = 0.05
_SETTLE_S = 0.2


class Packet(NamedTuple):
    """An Ethernet frame, and whether the interface's own machine sent it."""

    is_sent: bool
    frame: bytes


class Capture:
    """Listens in the `with`, like tcpdump; `packets` are complete once it has ended.

    Raises:
        AssertionError: at the end, if the system had to drop a packet.
    """

    def __init__(self, place: Place, interface: str) -> None:
        self.packets: list[Packet] = []
        self._place = place
        self._interface = interface
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._socket = self._place.call(lambda: _open(self._interface))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        time.sleep(_SETTLE_S)
        self._is_ending.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self._socket.close()
        assert not dropped, f"{dropped} packets were missed"

    def _run(self) -> None:
        while not self._is_ending.is_set():
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(_MAX_BYTES)
            except TimeoutError:
                continue
            self.packets.append(Packet(kind == _OUTGOING, frame))


def _open(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    opened.bind((interface, 0))
    opened.settimeout(_POLL_S)
    return opened
