"""The serial port of the cable, if that is not the REPL's. Not run on a board yet."""

import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BAUDRATE = 115200
_BUFFER_BYTES = 2048  # two messages of the largest size, should the runner be late


class UART:
    """machine.UART, with the `stream` to poll; cable: its number, `uart`, and `tx` and `rx`."""

    def __init__(self, cable: "dict[str, Any]") -> None:
        self.stream = machine.UART(
            cable["uart"],
            _BAUDRATE,
            tx=cable["tx"],
            rx=cable["rx"],
            txbuf=_BUFFER_BYTES,
            rxbuf=_BUFFER_BYTES,
        )

    def readinto(self, buffer: bytearray) -> int:
        """Take what has come, as much as fits, and return its length; 0 if there is nothing."""
        return self.stream.readinto(buffer) or 0

    def write(self, data: bytes) -> None:
        """Send data."""
        self.stream.write(data)
