"""The serial port that a board, or an emulator, is connected to."""

import asyncio
import errno
import os

import serial
from serial.tools import list_ports

from carport.errors import NoAnswerError, UsageError

BAUD_RATE = 115200

_BUSY = (errno.EAGAIN, errno.EACCES, errno.EBUSY)
_BUSY_RETRY_S = 0.05
_READ_TIMEOUT_S = 0.2
_WRITE_TIMEOUT_S = 1.0


async def open_port(port: str, deadline: float) -> serial.Serial:
    """Open port for us alone; wait until deadline, in the loop's time, while another has it.

    port: as pyserial names it: /dev/ttyUSB0, COM3, socket://host:port.

    Raises:
        UsageError: there is no such port.
        NoAnswerError: it is still in use at the deadline, or may not be opened.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            return serial.serial_for_url(
                port,
                baudrate=BAUD_RATE,
                timeout=_READ_TIMEOUT_S,
                write_timeout=_WRITE_TIMEOUT_S,
                exclusive=True,
            )
        except serial.SerialException as error:
            if error.errno == errno.ENOENT:
                raise UsageError(
                    f"there is no serial port {port}: connect the board, or give --port"
                ) from error
            if error.errno == errno.EACCES and not os.access(port, os.R_OK | os.W_OK):
                raise NoAnswerError(
                    f"you may not open {port}: add yourself to its group (dialout, or uucp)"
                ) from error
            if error.errno not in _BUSY:
                raise NoAnswerError(
                    f"{port} cannot be opened: check the cable, or give another --port"
                ) from error
            if loop.time() + _BUSY_RETRY_S > deadline:
                raise NoAnswerError(
                    f"another program is using {port}: end it, or use --via lan"
                ) from error
        except ValueError as error:
            raise UsageError(
                f"{port!r} is no serial port: use /dev/..., COM... or socket://..."
            ) from error
        await asyncio.sleep(_BUSY_RETRY_S)


def usb_ports() -> list[str]:
    """Return the serial ports on USB, where boards are."""
    return sorted(port.device for port in list_ports.comports() if port.vid is not None)
