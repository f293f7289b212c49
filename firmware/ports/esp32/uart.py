"""The serial port of the cable. Not run on a board yet."""

import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BAUDRATE = 115200
_BUFFER_BYTES = 2048  # two messages of the largest size, should the runner be late


class UART:
    """machine.UART, with the `stream` to poll; settings: `id`, `tx` and `rx` if not the usual."""

    def __init__(self, settings: "dict[str, Any]") -> None:
        pins = {name: settings[name] for name in ("tx", "rx") if name in settings}
        self.stream = machine.UART(
            settings["id"], _BAUDRATE, txbuf=_BUFFER_BYTES, rxbuf=_BUFFER_BYTES, **pins
        )

    def readinto(self, buffer: bytearray) -> int:
        """Take what has come, as much as fits, and return its length; 0 if there is nothing."""
        return self.stream.readinto(buffer) or 0

    def write(self, data: bytes) -> None:
        """Send data."""
        self.stream.write(data)
