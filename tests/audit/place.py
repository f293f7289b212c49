"""Where something runs: here, or in a network namespace with a resolver of its own."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18


class Place:
    """This machine's own network."""

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns there; sockets and processes it makes stay there."""
        return function()


class Namespace(Place):
    """A network namespace, by its name; resolver: the file that is /etc/resolv.conf there."""

    def __init__(self, name: str, resolver: Path) -> None:
        self.name = name
        self._resolver = resolver

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns in a thread that is there, and nowhere else ever."""
        with ThreadPoolExecutor(1, initializer=self._enter) as thread:
            return thread.submit(function).result()

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        _check(libc.unshare(_CLONE_NEWNS))
        _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        resolver = str(self._resolver).encode()
        _check(libc.mount(resolver, b"/etc/resolv.conf", None, _MS_BIND, None))
        fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        _check(libc.setns(fd, _CLONE_NEWNET))
        os.close(fd)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), "cannot enter a namespace")
