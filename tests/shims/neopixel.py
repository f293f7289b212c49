"""`neopixel`, as far as the firmware uses it; see tests/shims."""

from tests.shims import chip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NeoPixel:
    """A chain of WS2812s."""

    def __init__(self, pin: "Any", n: int) -> None:
        self._colours: list[tuple[int, ...]] = [(0, 0, 0)] * n

    def __setitem__(self, i: int, v: "tuple[int, ...]") -> None:
        self._colours[i] = v

    def write(self) -> None:
        chip.pixels.append(list(self._colours))
