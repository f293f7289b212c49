"""The real core behind real sockets, in this process: a gateway whose car and time a test sets.

It differs from the real board: the shell is tests/models/shell.py, so nothing is flash, and time
passes by itself only as fast as here, or faster when the test lets it (`paused`).
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from tests.fake_gateway import Cable
from tests.models.shell import Shell

Peer = tuple[int, tuple[str, int]]


class CoreGateway:
    """Serves on loopback while it is open; `cable` is a second port, which counts as the cable.

    Attributes:
        shell: the board; touch it inside `paused` alone.
        is_cut: whether datagrams get lost, both ways.
        on_lost: called when one was.
        cut_after: how many more answers leave before the link is cut, None for all.
        wifi_state: what becomes of joining the Wi-Fi network that is set.
        leaves: whether it is out of reach from its next start on.
        starts: how often it has started.

    restarts: whether it starts anew when its core wants to. Where time is let pass by leaps, that
    would be when the leap is over.
    """

    def __init__(self, restarts: bool = False) -> None:
        self._restarts = restarts
        self._sockets = [_bound(), _bound()]
        self.wifi_state = "connected"
        self.leaves = False
        self.starts = 0
        self.shell = self._wired(Shell())
        self.is_cut = False
        self.on_lost: Callable[[], None] = lambda: None
        self.cut_after: int | None = None
        self._lock = threading.Lock()
        self._is_open = True
        self._thread = threading.Thread(target=self._serve)

    @property
    def address(self) -> str:
        """Where it is on the LAN."""
        return f"127.0.0.1:{self._sockets[0].getsockname()[1]}"

    def __enter__(self) -> "CoreGateway":
        self._thread.start()
        self._cable = Cable(self._sockets[1].getsockname()[1])
        self.port = self._cable.__enter__().port
        return self

    def __exit__(self, *exception: object) -> None:
        self._cable.__exit__(*exception)
        self._is_open = False
        self._thread.join()
        for each in self._sockets:
            each.close()

    @contextmanager
    def paused(self) -> Iterator[Shell]:
        """Give the board, whose time stands still meanwhile, unless the test lets it pass."""
        with self._lock:
            yield self.shell

    def reboot(self) -> None:
        """Cut the board's power, and give it back."""
        with self._lock:
            self.shell = self._wired(self.shell.reboot())

    def _wired(self, shell: Shell) -> Shell:
        """Let the board know its address and its Wi-Fi, as a real one does."""

        def platform() -> dict[str, Any]:
            has_wifi = shell.gateway.settings.wifi is not None
            wifi = {"wifi": {"state": self.wifi_state, "rssi": -61}} if has_wifi else {}
            return {"address": self.address, **wifi}

        shell.gateway._platform = platform
        self.starts += 1
        return shell

    def _serve(self) -> None:
        last_s = time.monotonic()
        while self._is_open:
            ready, _, _ = select.select(self._sockets, [], [], 0.02)
            now_s = time.monotonic()
            with self._lock:
                self.shell.advance(round((now_s - last_s) * 1000))
                last_s = now_s
                for each in ready:
                    index = self._sockets.index(each)
                    data, address = each.recvfrom(2048)
                    if self.is_cut:
                        self.on_lost()
                    else:
                        self.shell.receive_datagram(data, (index, address), cable=index == 1)
                self._send()
                if self._restarts and self.shell.gateway.wants_restart:
                    self.is_cut = self.leaves
                    self.shell = self._wired(self.shell.reboot())

    def _send(self) -> None:
        datagrams, self.shell.datagrams = self.shell.datagrams, []
        for data, peer in datagrams:
            if self.cut_after is not None:
                self.is_cut = self.is_cut or self.cut_after == 0
                self.cut_after = max(0, self.cut_after - 1)
            if self.is_cut:
                self.on_lost()
            else:
                index, address = cast(Peer, peer)
                self._sockets[index].sendto(data, address)


def _bound() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound
