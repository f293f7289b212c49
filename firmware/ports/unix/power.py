"""Deep sleep and the 12 V battery on a PC: the emulator says what they are like.

Deep sleep is the end of the program, with exit code 3, after a line `sleep S KEPT BUS` on stdout:
it is to be started again after so many seconds, or when the button wakes it, or the bus if BUS is
1.
"""

import sys
import time
from binascii import hexlify, unhexlify

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ASLEEP = const(3)


class PowerPort:
    """What firmware/sleeper.py needs of a board; settings: as in firmware/ports/unix/board.py.

    Attributes:
        woken_by: what ended a deep sleep: "timer", "bus" or "button"; "" if this is none's end.
        kept: what was kept for this start, b"" if nothing.
        pace: how many times faster than a real board this one is tired.
        battery_mv: what it measures, None if it cannot.
    """

    def __init__(self, settings: "dict[str, Any]") -> None:
        self.woken_by: str = settings.get("woken_by", "")
        self.kept: bytes = unhexlify(settings.get("kept", ""))
        self.pace: int = settings.get("pace", 1)
        self.battery_mv: int | None = settings.get("supply_mv")

    def supply_mv(self) -> "int | None":
        """Return the 12 V battery's voltage, None if the board cannot measure it."""
        return self.battery_mv

    def rtc_s(self) -> int:
        """Return the clock that runs on in deep sleep."""
        return int(time.time())

    def sleep(self, duration_s: int, kept: bytes, is_bus_watched: bool) -> None:
        """Sleep so long, unless the button wakes the board sooner, or the bus if it may."""
        print("sleep", duration_s // self.pace, hexlify(kept).decode(), int(is_bus_watched))
        sys.exit(_ASLEEP)
