"""An ESP32 on a cable: a pseudo-terminal, with the mock bootloader and a MicroPython VM behind it.

Which of the two is there, a board's DTR and RTS say, which a pseudo-terminal has not. So the first
bytes after the port was opened decide: esptool's mean that it was reset into the bootloader, any
others that it runs MicroPython, started afresh if the bootloader was there before. Both work on
one flash chip, which is a file.

It differs from a board in what esp32_start.py says, and in that a write takes no time.
"""

import json
import mmap
import os
import pty
import select
import socket
import subprocess
import threading
import tty
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from esp32_mock_bootloader.server import BootloaderConnection, FlashImage, handle_client

from tests.vm import REPOSITORY, find_micropython

FLASH_BYTES = 4 * 1024 * 1024

_START = Path(__file__).with_name("esp32_start.py")
_HEAP = "heapsize=8m"
_SYNC = b"\xc0\x00"
_TO_RAW, _TO_FRIENDLY = 0x01, 0x02
_SOFT_REBOOT = b"MPY: soft reboot\r\n"
_CHUNK_BYTES = 4096
_LOOK_S = 0.02
_NEVER = 1 << 40


class CableBoard:
    """A board that is connected inside the `with`.

    Attributes:
        path: the serial port
        flash: the file that is its flash chip
        cut_after: how many bytes the bootloader hears before the cable is pulled
        cut_in_micropython_after: the same of MicroPython
        log: what MicroPython has said while it ran

    hardware: its board.json.
    """

    def __init__(self, flash: Path, hardware: Mapping[str, Any]) -> None:
        if not flash.exists():
            flash.write_bytes(b"\xff" * FLASH_BYTES)
        self.flash = flash
        self.cut_after = self.cut_in_micropython_after = _NEVER
        self.log = bytearray()
        self._hardware = hardware
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)  # so that the kernel tells whether anybody has it open
        self._behind: _Bootloader | _MicroPython | None = None
        self._is_ending = False
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_ending = True
        self._thread.join()

    def _carry(self) -> None:
        """Carry bytes both ways until the end."""
        is_open = is_decided = False
        while not self._is_ending:
            events = self._wait(is_open)
            heard = events.get(self._master, 0)
            is_open = not heard & select.POLLHUP
            if heard & select.POLLIN:
                data = os.read(self._master, _CHUNK_BYTES)
                if not is_decided:
                    self._decide(data)
                    is_decided = True
                self._from_host(data)
            elif self._behind is not None and self._behind.fd in events:
                self._from_board(is_open)
            is_decided = is_decided and is_open
        self._replace(None)
        os.close(self._master)

    def _wait(self, is_open: bool) -> dict[int, int]:
        """Wait for bytes of either side; while the port is closed, the kernel says so at once."""
        poll = select.poll()
        if self._behind is not None:
            poll.register(self._behind.fd, select.POLLIN)
        if is_open:
            poll.register(self._master, select.POLLIN)
            return dict(poll.poll(1000 * _LOOK_S))
        events = dict(poll.poll(1000 * _LOOK_S))
        poll.register(self._master, select.POLLIN)
        return events | dict(poll.poll(0))

    def _decide(self, data: bytes) -> None:
        if data.startswith(_SYNC):
            self._replace(_Bootloader(self.flash, self._hardware["chip"]))
        elif not isinstance(self._behind, _MicroPython):
            self._replace(_MicroPython(self.flash, self._hardware, self.log))

    def _from_host(self, data: bytes) -> None:
        assert self._behind is not None
        if isinstance(self._behind, _Bootloader):
            self.cut_after -= len(data)
        else:
            self.cut_in_micropython_after -= len(data)
        if min(self.cut_after, self.cut_in_micropython_after) < 0:
            self._is_ending = True  # and the port goes away
            return
        self._behind.write(data)

    def _from_board(self, is_open: bool) -> None:
        assert self._behind is not None
        said = self._behind.read()
        if is_open:
            os.write(self._master, said)

    def _replace(self, behind: "_Bootloader | _MicroPython | None") -> None:
        old, self._behind = self._behind, behind
        if old is not None:
            old.end()


class _Line(BootloaderConnection):  # type: ignore[misc]
    """A line on which nobody is in a hurry: on a busy machine esptool takes its time."""

    def set_timeout(self, timeout: float) -> None:
        """Wait for ever: the line ends when it is closed."""


class _Bootloader:
    """The chip's bootloader, from a reset into it to the next."""

    def __init__(self, flash: Path, chip: str) -> None:
        self._host, board = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, args=(board, flash, chip), daemon=True)
        self._thread.start()

    def _serve(self, board: socket.socket, flash: Path, chip: str) -> None:
        image = FlashImage()
        with flash.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
            image.data = content
            never = threading.Event()
            handle_client(_Line(sock=board), never, chip, exit_on_disconnect=True, flash=image)

    def write(self, data: bytes) -> None:
        self._host.sendall(data)

    @property
    def fd(self) -> int:
        return self._host.fileno()

    def read(self) -> bytes:
        """Return what it says."""
        return self._host.recv(_CHUNK_BYTES)

    def end(self) -> None:
        self._host.close()
        self._thread.join()


class _MicroPython:
    """The chip as it runs MicroPython: a VM, and another one after each reset."""

    def __init__(self, flash: Path, hardware: Mapping[str, Any], log: bytearray) -> None:
        self._flash = flash
        self._hardware = flash.with_suffix(".json")
        self._hardware.write_text(json.dumps(hardware))
        self._log = log
        self._is_raw = False
        self._start("main")

    def _start(self, mode: str) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        micropython = find_micropython()
        assert micropython is not None
        arguments = (str(REPOSITORY), str(self._flash), str(self._hardware), mode)
        self._vm = subprocess.Popen(
            [micropython, "-X", _HEAP, "-i", str(_START), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    @property
    def fd(self) -> int:
        return self._master

    def write(self, data: bytes) -> None:
        """Hear this."""
        for byte in data:
            if byte in (_TO_RAW, _TO_FRIENDLY):
                self._is_raw = byte == _TO_RAW
        os.write(self._master, data)

    def read(self) -> bytes:
        """Return what it says."""
        try:
            said = os.read(self._master, _CHUNK_BYTES)
        except OSError:
            said = self._start_again()
        self._log += said
        return said

    def _start_again(self) -> bytes:
        is_soft = self._vm.wait() == 0  # by Ctrl-D
        os.close(self._master)
        if not is_soft:
            self._is_raw = False
            self._start("main")
            return b""
        self._start("raw" if self._is_raw else "main")
        if self._is_raw:
            os.write(self._master, bytes((_TO_RAW,)))
        return _SOFT_REBOOT

    def end(self) -> None:
        """Cut its power."""
        self._vm.kill()
        self._vm.wait()
        os.close(self._master)
