"""An slcan adapter whose serial port is a pseudo-terminal and whose bus is a channel of the hub.

    C  close    S0..S8  bit rate    O  open    L  open, listen only    each answered with CR
    t/T  a frame with a standard/extended id: answered with z CR / Z CR, or BEL where it cannot be

Where it differs from an adapter: the serial line has no bit rate, loses nothing and is never full;
a bit rate is kept but means nothing to the hub; listening only, it still acknowledges what it
hears; V, N, F, Z and the filters are answered with BEL, as by the simplest adapters.

Source: LAWICEL, CAN232 manual, version 3; Linux, drivers/net/can/slcan.
"""

import os
import threading
import tty
from types import TracebackType
from typing import Self

import can

_OK = b"\r"
_ERROR = b"\a"
_POLL_S = 0.02
_DIGITS = {"t": 3, "T": 8}


class SlcanAdapter:
    """An adapter inside the `with`; `port` is its serial port, `commands` what it was told.

    bus: its connection to the hub, which it closes.
    """

    def __init__(self, bus: can.BusABC) -> None:
        self.commands: list[str] = []
        self._bus = bus
        self._mode = "C"
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        self._fd, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._threads = [threading.Thread(target=each) for each in (self._obey_all, self._hear)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.set()
        os.write(self._slave, _OK)  # wakes the reader
        for thread in self._threads:
            thread.join(10)
        os.close(self._slave)
        os.close(self._fd)
        self._bus.shutdown()

    def _obey_all(self) -> None:
        rest = b""
        while not self._ending.is_set():
            *commands, rest = (rest + os.read(self._fd, 4096)).split(b"\r")
            for command in commands:
                self._write(self._obey(command.decode()))

    def _obey(self, command: str) -> bytes:
        self.commands.append(command)
        word = command[:1]
        if word in ("O", "L", "C"):
            self._mode = word
            return _OK
        if word == "S":
            return _OK if self._mode == "C" else _ERROR
        if word in _DIGITS and self._mode == "O":
            digits = _DIGITS[word]
            data = bytes.fromhex(command[digits + 2 :])
            if len(data) != int(command[digits + 1]):
                return _ERROR
            self._bus.send(
                can.Message(
                    arbitration_id=int(command[1 : digits + 1], 16),
                    is_extended_id=word == "T",
                    data=data,
                )
            )
            return (b"Z" if word == "T" else b"z") + _OK
        return _OK if not command else _ERROR

    def _hear(self) -> None:
        while not self._ending.is_set():
            frame = self._bus.recv(_POLL_S)
            if frame is None or self._mode == "C":
                continue
            word, digits = ("T", 8) if frame.is_extended_id else ("t", 3)
            text = f"{word}{frame.arbitration_id:0{digits}X}{frame.dlc}{frame.data.hex().upper()}"
            self._write(text.encode() + _OK)

    def _write(self, data: bytes) -> None:
        """Write at once; both threads do, so in one piece."""
        os.write(self._fd, data)
