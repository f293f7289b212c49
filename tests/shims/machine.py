"""`machine`, as far as the firmware uses it; see tests/shims."""

import io

import micropython  # type: ignore[import-not-found]

from tests.shims import chip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4

_STREAM_POLL = 3


class Pin:
    """A pin; its handler runs soon after the edge, as a soft interrupt does."""

    IN = 1
    OUT = 3
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(
        self,
        __id: "Any",
        mode: int = -1,
        pull: int = -1,
        *,
        value: "Any" = None,
        hold: "bool | None" = None,
    ) -> None:
        self._number: int = __id
        self._wire = chip.wire(__id)
        assert hold is not None or not self._wire.is_held, f"GPIO {__id} is held"
        self._wire.is_output = mode == self.OUT
        if value is not None:
            self._wire.set(value)
        if hold is not None:
            self._wire.is_held = hold

    def __call__(self, __x: "Any" = None) -> "Any":
        return self.value(__x)

    def value(self, __x: "Any" = None) -> "Any":
        if __x is None:
            return self._wire.get()
        assert self._wire.is_output, f"GPIO {self._number} is no output"
        assert not self._wire.is_held, f"GPIO {self._number} is held"
        self._wire.set(__x)
        return None

    def irq(self, handler: "Callable[[Pin], None] | None" = None, trigger: int = 3) -> "Any":
        self._handler = handler
        self._wire.trigger = trigger
        self._wire.handler = self._interrupt

    def _interrupt(self) -> None:
        try:  # noqa: SIM105 - MicroPython has no contextlib
            micropython.schedule(self._handler, self)
        except RuntimeError:  # the queue is full: an edge is lost, and nobody hears of it
            pass


class SPI:
    """An SPI controller."""

    def __init__(
        self,
        __id: int,
        baudrate: int = 1000000,
        *,
        sck: "Any" = None,
        mosi: "Any" = None,
        miso: "Any" = None,
    ) -> None:
        self._id = __id

    def write(self, __buf: "Any") -> "int | None":
        for byte in bytes(__buf):
            chip.exchange(byte)
        return None

    def write_readinto(self, __write_buf: "Any", __read_buf: "Any") -> "int | None":
        assert len(__write_buf) == len(__read_buf)
        for index, byte in enumerate(bytes(__write_buf)):
            __read_buf[index] = chip.exchange(byte)
        return None


class UART(io.IOBase):
    """A serial port on which nothing comes."""

    def __init__(
        self,
        __id: "Any",
        baudrate: int = 9600,
        *,
        tx: "Any" = None,
        rx: "Any" = None,
        txbuf: "int | None" = None,
        rxbuf: "int | None" = None,
    ) -> None:
        if __id == 0 and (txbuf, rxbuf) != (None, None):
            raise ValueError("UART buffer size is fixed")

    def readinto(self, __buf: "Any", __nbytes: int = 0) -> "int | None":
        return None

    def write(self, __buf: "Any") -> "int | None":
        return len(__buf)

    def ioctl(self, request: int, argument: int) -> int:
        """Answer select.poll: the real one does so in C."""
        return 0 if request == _STREAM_POLL else -1


class WDT:
    """A watchdog that never bites."""

    def __init__(self, *, id: int = 0, timeout: int = 5000) -> None:
        assert timeout >= 1000
        self._timeout = timeout

    def feed(self) -> None:
        chip.fed += 1


class RTC:
    """The real-time clock's memory."""

    def memory(self, __data: "Any" = None) -> "Any":
        if __data is None:
            return chip.rtc_memory
        chip.rtc_memory = bytes(__data)
        return None


class ADC:
    """An analog input."""

    ATTN_11DB = 3

    def __init__(self, id: "Any", *, atten: int = 0) -> None:
        self._id = id

    def read_uv(self) -> int:
        return chip.microvolts


def unique_id() -> bytes:
    return b"\x24\x0a\xc4\x00\xca\xfe"


def reset_cause() -> int:
    return chip.cause


def wake_reason() -> int:
    return chip.wake_reason


def wake_pins() -> "Any":
    return tuple(sorted(chip.woken_by_pins))


def reset() -> "Any":
    raise chip.Reset


def deepsleep(__time_ms: int = 0) -> "Any":
    raise chip.Sleep(__time_ms)
