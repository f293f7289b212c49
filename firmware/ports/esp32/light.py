"""The LED of a board: one at a pin, lit when that is high, or a WS2812. Not run on a board yet."""

import machine

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BRIGHT = const(24)  # of 255: a WS2812 blinds, and a car is dark


class Light:
    """The LED; led: the pin, or {"ws2812": the pin}."""

    def __init__(self, led: "Any") -> None:
        self._pixel: Any = None
        if isinstance(led, int):
            self._pin = machine.Pin(led, machine.Pin.OUT, value=0)
        else:
            from neopixel import NeoPixel

            self._pixel = NeoPixel(machine.Pin(led["ws2812"], machine.Pin.OUT), 1)

    def show(self, state: str, colour: int) -> None:
        """Show a colour, as firmware/led.py has them: 0 for none."""
        if self._pixel is None:
            self._pin(1 if colour else 0)
            return
        self._pixel[0] = tuple([_BRIGHT * (colour >> bit & 1) for bit in (2, 1, 0)])
        self._pixel.write()
