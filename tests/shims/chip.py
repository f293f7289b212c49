"""The ESP32 behind the shims: what its pins, flash, clock and radio are like, for a test to set.

Runs in the MicroPython VM. One chip exists; a reset of it is the exception Reset.

Where it differs: pins change in an instant and are not checked against the chip's; SPI takes no
time and reaches only MCP2515s; what a Partition holds lies in RAM; a station is connected when
`wifi_status` says so, and its addresses are those of the loopback interface.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.models.mcp2515 import Chip

BLOCK_BYTES = 4096
_HIGH = const(1)


class Reset(BaseException):
    """What ends the program on a chip; nothing catches it but a test."""


class Sleep(Reset):
    """Deep sleep, for so many milliseconds, or until something wakes the chip."""

    def __init__(self, time_ms: int) -> None:
        super().__init__(time_ms)
        self.time_ms = time_ms


class Wire:
    """What a pin is connected to: its level, and who hears of it."""

    def __init__(self) -> None:
        self.level = _HIGH
        self.is_output = False
        self.is_held = False  # at its level, through deep sleep and until it is let go
        self.edges: list[int] = []  # every level that was set
        self.on_change: Callable[[int], object] | None = None
        self.read: Callable[[], int] | None = None
        self.handler: Callable[[], object] | None = None
        self.trigger = 0

    def set(self, level: int) -> None:
        """Change the level, from either side."""
        if self.on_change is not None and level != self.level:
            self.on_change(level)
        is_edge = level != self.level
        self.level = level
        self.edges.append(level)
        if is_edge and self.handler is not None and self.trigger & (1 if level else 2):
            self.handler()

    def get(self) -> int:
        """Return the level."""
        return self.level if self.read is None else self.read()


wires: "dict[int, Wire]" = {}
mcp2515s: "dict[int, Chip]" = {}  # by the pin of CS
selected: "list[Chip]" = []
clashes = 0  # how often two were selected at once

cause = 1
wake_reason = 0
woken_by_pins: "set[int]" = set()
wake_pins: "dict[str, Any]" = {}  # those that are to end a sleep
rtc_memory = b""
fed = 0
microvolts = 1_600_000  # at every analog input
partitions: "dict[str, bytearray]" = {}
pixels: "list[list[tuple[int, ...]]]" = []

wifi_status = 1001
wifi_calls: "list[Any]" = []
wifi_address = "127.0.0.1", "255.0.0.0"
hostname = "mpy-esp32"


def wire(number: int) -> Wire:
    """Return what a pin is connected to."""
    if number not in wires:
        wires[number] = Wire()
    return wires[number]


def connect_mcp2515(model: "Chip", cs: int, interrupt: int) -> None:
    """Connect a model of the chip to these pins, and to each SPI."""
    mcp2515s[cs] = model

    def select(level: int) -> None:
        global clashes
        if level:
            selected.remove(model)
            model.deselect()
        else:
            clashes += len(selected)
            selected.append(model)
            model.select()

    def interrupted() -> None:
        pin = wire(interrupt)
        if pin.handler is not None:
            pin.handler()

    wire(cs).on_change = select
    wire(interrupt).read = lambda: model.interrupt
    model.on_interrupt = interrupted


def exchange(byte: int) -> int:
    """Move a byte over SPI, to and from the chip that is selected."""
    return selected[0].exchange(byte) if selected else 0xFF


def add_partition(label: str, blocks: int) -> None:
    """Add an erased partition."""
    partitions[label] = bytearray(b"\xff" * (BLOCK_BYTES * blocks))
