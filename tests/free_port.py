"""UDP ports for programs that cannot choose one themselves, and say which."""

import itertools
import os
import socket

# The system gives ports of its own choice from 32768 on, or higher: one that it gave and took back
# may be somebody else's a moment later. Processes begin in different places, and count.
_FIRST, _COUNT = 12_000, 18_000
_STEP = 1009
_numbers = itertools.count(os.getpid() * _STEP)


def free_port() -> int:
    """Return a UDP port that is free, and that nobody is given by chance."""
    while True:
        port = _FIRST + next(_numbers) % _COUNT
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
