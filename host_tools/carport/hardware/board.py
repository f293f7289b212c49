"""One board: its chip, its pins, its controllers, as its file in hw/boards says.

    title, chip, image       what it is, and which stock MicroPython build it takes
    flash_mib, psram_mib     its memory
    is_recommended           whether it is the one to buy
    supply                   "usb": 5 V; "12v": its maker says that it takes a car's 12 V
    termination              its 120 ohm between CAN-H and CAN-L, as far as anybody says
    sources, inferred        where this is from; which of it is a conclusion of ours
    notes                    what its builder should know
    button                   a pin, to ground when pressed
    led                      optional: a pin, lit when high; or {ws2812 = a pin}
    supply_sense             optional: {pin, divider}: the 12 V, divided by so much, for the ADC
    stay_on                  optional: {pin, level}: what keeps its own supply on
    [cable]                  uart, tx, rx; or usb = true for the chip's own USB port
    [spi]                    id, sck, mosi, miso: of the MCP2515s; optional hz, its clock
    [[can]]                  controller = "mcp2515" with crystal_hz, cs, interrupt, optional reset;
                             or "twai", the chip's own, with id (machine.CAN's, from 1), tx, rx
                             outputs: [[pin, level]], set before the controller is used
                             terminal, transceiver: what is written at it, and what it is
                             is_module: it is no part of the board, its builder wires it
    [[parts]]                what to buy: name, count, price_eur = [low, high], alternative

A pin is a GPIO number. Every pin is used once. checks.py says what else must hold.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carport.errors import UsageError
from carport.hardware.checks import check_description
from carport.hardware.chips import CHIPS

HEAP_KIB = 111
"""What MicroPython's heap grows to on a chip without PSRAM, with Wi-Fi up."""


@dataclass(frozen=True)
class Controller:
    """A CAN controller: an MCP2515 on the board's SPI, or the chip's own."""

    controller: str
    id: int | None = None
    tx: int | None = None
    rx: int | None = None
    crystal_hz: int | None = None
    cs: int | None = None
    interrupt: int | None = None
    reset: int | None = None
    outputs: list[list[int]] = field(default_factory=list)
    terminal: str = "CAN"
    transceiver: str = "transceiver"
    is_module: bool = False

    @property
    def works_on_stock(self) -> bool:
        """Whether stock MicroPython can use it: our driver needs nothing but SPI."""
        return self.controller == "mcp2515"

    @property
    def wake(self) -> int | None:
        """Return the pin that goes low when the bus wakes up."""
        return self.interrupt if self.controller == "mcp2515" else self.rx

    def pins(self) -> dict[str, int]:
        """Return its pins by what they are for."""
        names = ("tx", "rx", "cs", "interrupt", "reset")
        pins = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return pins | {f"output {pin}": pin for pin, _ in self.outputs}


@dataclass(frozen=True)
class Part:
    """What to buy, for about how much, and what does as well."""

    name: str
    count: int
    price_eur: list[float]
    alternative: str | None = None


@dataclass(frozen=True)
class Board:
    """A board; see the top of this file."""

    name: str
    title: str
    chip: str
    image: str
    flash_mib: int
    psram_mib: int
    is_recommended: bool
    supply: str
    termination: str
    button: int
    cable: dict[str, Any]
    can: list[Controller]
    parts: list[Part]
    sources: list[str]
    inferred: list[str]
    notes: list[str]
    led: int | dict[str, int] | None = None
    supply_sense: dict[str, Any] | None = None
    stay_on: dict[str, int] | None = None
    spi: dict[str, int] = field(default_factory=dict)

    @property
    def heap_kib(self) -> int:
        """How much heap MicroPython has."""
        return min(self.psram_mib, CHIPS[self.chip].most_psram_mib) * 1024 or HEAP_KIB

    @property
    def led_pin(self) -> int | None:
        """Return the pin of the LED, of whichever kind it is."""
        return self.led["ws2812"] if isinstance(self.led, dict) else self.led

    def works_on_stock(self, buses: int) -> bool:
        """Tell whether MicroPython's own build will do for a car with so many buses.

        Our code comes from a file system then, into a heap that must be larger than a chip's own.
        """
        return self.psram_mib > 0 and all(each.works_on_stock for each in self.can[:buses])

    def pins(self) -> dict[str, int]:
        """Return every pin by what it is for."""
        pins = {"button": self.button}
        if self.led_pin is not None:
            pins["LED"] = self.led_pin
        if self.supply_sense is not None:
            pins["supply sense"] = self.supply_sense["pin"]
        if self.stay_on is not None:
            pins["stay on"] = self.stay_on["pin"]
        pins |= {f"cable {name}": self.cable[name] for name in ("tx", "rx") if name in self.cable}
        pins |= {f"SPI {name}": self.spi[name] for name in ("sck", "mosi", "miso") if self.spi}
        for index, controller in enumerate(self.can):
            pins |= {f"CAN {index} {name}": pin for name, pin in controller.pins().items()}
        return pins

    def settings(self, buses: int) -> dict[str, Any]:
        """Return what firmware/ports/esp32/board.py reads of a board with so many buses.

        The pins of the chip's own controllers are not among them: they are part of a build that
        has machine.CAN. `wake` is what can end a deep sleep when a bus wakes up, if any can.

        Raises:
            UsageError: it has fewer controllers.
        """
        if buses > len(self.can):
            has = "1 CAN controller" if len(self.can) == 1 else f"{len(self.can)} CAN controllers"
            raise UsageError(
                f"{self.title} has {has}, and this car {buses} buses: choose another board, or a "
                "profile of fewer buses"
            )
        used = self.can[:buses]
        settings: dict[str, Any] = {
            "board": self.name,
            "chip": self.chip,
            "button": self.button,
            "cable": self.cable,
            "can": [self._wiring(controller) for controller in used],
        }
        for name in ("led", "supply_sense", "stay_on"):
            if getattr(self, name) is not None:
                settings[name] = getattr(self, name)
        wakes = [each.wake for each in used if each.wake in CHIPS[self.chip].rtc]
        return {**settings, "wake": wakes[0]} if wakes else settings

    def _wiring(self, controller: Controller) -> dict[str, Any]:
        outputs = {"outputs": controller.outputs} if controller.outputs else {}
        if controller.controller == "twai":
            return {"id": controller.id, **outputs}
        spi = {"spi": self.spi["id"], **{k: v for k, v in self.spi.items() if k != "id"}}
        own = {"crystal_hz": controller.crystal_hz, **controller.pins()}
        own = {name: value for name, value in own.items() if not name.startswith("output")}
        return {**spi, **own, **outputs}


def load_board(path: Path) -> Board:
    """Return the board that a file describes; its name is the file's.

    Raises:
        UsageError: the file cannot be read, or does not describe a board.
    """
    try:
        with path.open("rb") as file:
            described = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read ({error}): correct it") from error
    problems = check_description(described)
    if problems:
        raise UsageError(f"{path.name} describes no board: {'; '.join(problems)}")
    described["can"] = [Controller(**each) for each in described["can"]]
    described["parts"] = [Part(**each) for each in described["parts"]]
    return Board(name=path.stem, **described)
