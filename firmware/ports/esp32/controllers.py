"""The board's CAN controllers, by their wiring in board.json. Not run on a board yet.

An MCP2515's interrupts come in the middle of anything, and with two of them on one SPI also in the
middle of a transfer to the other: then they wait until it is over (SharedInterrupt).
"""

import time

import machine
import micropython

from firmware.drivers.mcp2515 import MCP2515
from firmware.ports.esp32.wakeup import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPI_HZ = 10_000_000  # the most an MCP2515 takes
_RESET_MS = 1
_TRIES = 3
_TRY_AGAIN_MS = 20


class Controllers:
    """All of them, with what is around them in order: none disturbs another that is opened."""

    def __init__(self, wirings: "list[dict[str, Any]]") -> None:
        self._wirings = wirings
        self._chips: dict[int, MCP2515] = {}
        spis: dict[int, machine.SPI] = {}
        for wiring in wirings:
            for pin, level in wiring.get("outputs", ()):
                machine.Pin(pin, machine.Pin.OUT, value=level)
            if "cs" in wiring:
                machine.Pin(wiring["cs"], machine.Pin.OUT, value=1)
            if "reset" in wiring:
                reset = machine.Pin(wiring["reset"], machine.Pin.OUT, value=0)
                time.sleep_ms(_RESET_MS)
                reset(1)
        time.sleep_ms(_RESET_MS)  # their crystals start
        for bus, wiring in enumerate(wirings):
            if "cs" in wiring:
                if wiring["spi"] not in spis:
                    spis[wiring["spi"]] = _open_spi(wiring)
                self._chips[bus] = self._make_chip(wiring, spis[wiring["spi"]])

    def open(self, bus: int, bitrate: int) -> "tuple[Any, Wakeup | None]":
        """Return the controller of a bus, silent, and what its interrupts set.

        An MCP2515 needs no flag for them: its stream can be polled as long as it has something.

        Raises:
            OSError: it does not answer, or this build of MicroPython has no driver for it.
        """
        if bus >= len(self._wirings):
            raise OSError("board.json has none: run carport flash")
        chip = self._chips.get(bus)
        if chip is None:
            return _open_twai(self._wirings[bus]["id"], bitrate), Wakeup()
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                chip.init(bitrate, MCP2515.MODE_SILENT)
                break
            except OSError:
                if not tries_left:
                    raise
                time.sleep_ms(_TRY_AGAIN_MS)
        return chip, None

    def _make_chip(self, wiring: "dict[str, Any]", spi: machine.SPI) -> MCP2515:
        cs = machine.Pin(wiring["cs"], machine.Pin.OUT, value=1)
        interrupt: Any = machine.Pin(wiring["interrupt"], machine.Pin.IN)
        if sum("cs" in each and each["spi"] == wiring["spi"] for each in self._wirings) > 1:
            interrupt = SharedInterrupt(interrupt, self._chips)
        return MCP2515(spi, cs, interrupt, crystal_hz=wiring["crystal_hz"])


class SharedInterrupt:
    """The INT pin of an MCP2515 that shares its SPI; chips: those on it, and maybe others.

    Its handler waits while any of them is talked to, in the queue of micropython.schedule.
    """

    IRQ_FALLING = machine.Pin.IRQ_FALLING

    def __init__(self, pin: machine.Pin, chips: "dict[int, MCP2515]") -> None:
        self._pin = pin
        self._chips = chips
        self._again = self._interrupt

    def __call__(self) -> int:
        """Return the pin's level."""
        return self._pin()

    def irq(self, handler: "Callable[[Any], object]", trigger: int) -> None:
        """Call handler(pin) at each falling edge."""
        self._handler = handler
        self._pin.irq(self._interrupt, trigger)

    def _interrupt(self, pin: machine.Pin) -> None:
        for bus in self._chips:
            if self._chips[bus].is_busy:
                micropython.schedule(self._again, pin)
                return
        self._handler(pin)


def _open_spi(wiring: "dict[str, Any]") -> machine.SPI:
    return machine.SPI(
        wiring["spi"],
        baudrate=wiring.get("hz", _SPI_HZ),
        sck=machine.Pin(wiring["sck"]),
        mosi=machine.Pin(wiring["mosi"]),
        miso=machine.Pin(wiring["miso"]),
    )


def _open_twai(number: int, bitrate: int) -> "Any":
    """Return the chip's own controller, silent; its pins are part of the build that has it."""
    if not hasattr(machine, "CAN"):
        raise OSError("this MicroPython cannot drive the chip's own controller: docs/building.md")
    return machine.CAN(number, bitrate, machine.CAN.MODE_SILENT)
