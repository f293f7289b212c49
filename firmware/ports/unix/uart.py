"""A serial port on a PC: a pseudo-terminal, with the methods of machine.UART that are used."""

import termios  # type: ignore[import-not-found]

from gateway.const import const

_CC = const(6)
_VTIME = const(5)
_VMIN = const(6)


class UART:
    """The pseudo-terminal at `path`, raw; `stream` is what to poll."""

    def __init__(self, path: str) -> None:
        self.stream = open(path, "r+b", 0)  # noqa: SIM115 - for as long as the program runs
        fd = self.stream.fileno()
        termios.setraw(fd)
        attributes = termios.tcgetattr(fd)
        attributes[_CC][_VMIN] = attributes[_CC][_VTIME] = 0  # a read never waits
        termios.tcsetattr(fd, termios.TCSANOW, attributes)

    def readinto(self, buffer: bytearray) -> int:
        """Take what has come, as much as fits, and return its length; 0 if there is nothing."""
        return self.stream.readinto(buffer) or 0

    def write(self, data: bytes) -> None:
        """Send data."""
        self.stream.write(data)
