"""The serial line between host and board: two pseudo-terminals with this process in between.

The board's end is always open. The host's end may be opened and closed at will; what the board
says while it is closed is lost, as on a wire, so nobody reads an old log when they connect. There
is no baud rate: bytes arrive at once. When a reader is so slow that the kernel has no room left,
bytes are lost, as in a UART.
"""

import asyncio
import os
import pty
import select
import termios
import tty
from contextlib import suppress

_CHUNK_BYTES = 4096
_CLOSED_POLL_S = 0.02


class SerialLine:
    """A line; `host_path` and `board_path` are what each side opens."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._board, self._board_slave = pty.openpty()
        self._host, host_slave = pty.openpty()
        self.board_path = os.ttyname(self._board_slave)
        self.host_path = os.ttyname(host_slave)
        tty.setraw(self._board_slave)
        tty.setraw(host_slave)
        os.close(host_slave)  # from now on the kernel tells whether anybody has it open
        for master in (self._board, self._host):
            os.set_blocking(master, False)
        self._is_reading_host = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._board, self._read_board)
        self._wait_for_host()

    def close(self) -> None:
        """Take the line away."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._board)
        self._loop.remove_reader(self._host)
        for fd in (self._board, self._board_slave, self._host):
            os.close(fd)

    def clear(self) -> None:
        """Forget what the board has not read yet, as when it loses power."""
        termios.tcflush(self._board_slave, termios.TCIOFLUSH)

    def _read_board(self) -> None:
        data = os.read(self._board, _CHUNK_BYTES)
        if self._is_reading_host:
            _write(self._host, data)

    def _read_host(self) -> None:
        try:
            data = os.read(self._host, _CHUNK_BYTES)
        except OSError:  # EIO: closed, and all that was sent is read
            data = b""
        if data:
            _write(self._board, data)
        else:
            self._loop.remove_reader(self._host)
            self._is_reading_host = False
            self._wait_for_host()

    def _wait_for_host(self) -> None:
        poll = select.poll()
        poll.register(self._host, select.POLLIN)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._timer = self._loop.call_later(_CLOSED_POLL_S, self._wait_for_host)
        else:
            self._is_reading_host = True
            self._loop.add_reader(self._host, self._read_host)


def _write(fd: int, data: bytes) -> None:
    with suppress(BlockingIOError):
        os.write(fd, data)
