"""One board: its chip, its pins, its controllers, as its file in hw/boards says.

    title, chip, image       what it is, and which stock MicroPython build it takes
    flash_mib, psram_mib     its memory
    supply                   "usb" or "12v"
    button, led              pins; led may be left out
    [cable]                  uart, tx, rx; or usb = true for the chip's own USB port
    [spi]                    id, sck, mosi, miso: of the MCP2515s
    [[can]]                  controller = "mcp2515" with crystal_hz, cs, interrupt, reset;
                             or "twai", the chip's own, with id, tx, rx
                             outputs: [[pin, level]], set before the controller is used
    [[parts]]                what to buy: name, count, price_eur = [low, high], alternative

A pin is a GPIO number. Every pin is used once.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from carport.errors import UsageError

HEAP_KIB = 111
"""What MicroPython's heap grows to on a chip without PSRAM, with Wi-Fi up."""

_GPIOS = {
    # The pins that a program may use: not those of the flash chip, nor ones that do not exist.
    "esp32": {*range(6), *range(12, 20), *range(21, 24), *range(25, 28), *range(32, 40)},
    "esp32s3": {*range(22), *range(33, 49)},
    "esp32c6": {*range(24)},
}
_INPUTS_ONLY = {"esp32": {34, 35, 36, 37, 38, 39}, "esp32s3": set(), "esp32c6": set()}
_SUPPLIES = ("usb", "12v")


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

    @property
    def works_on_stock(self) -> bool:
        """Whether stock MicroPython can use it: our driver needs nothing but SPI."""
        return self.controller == "mcp2515"

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
    button: int
    cable: dict[str, Any]
    can: list[Controller]
    parts: list[Part]
    sources: list[str]
    notes: list[str]
    led: int | None = None
    spi: dict[str, int] = field(default_factory=dict)

    @property
    def heap_kib(self) -> int:
        """How much heap MicroPython has."""
        return self.psram_mib * 1024 or HEAP_KIB

    def pins(self) -> dict[str, int]:
        """Return every pin by what it is for."""
        pins = {"button": self.button}
        if self.led is not None:
            pins["LED"] = self.led
        pins |= {f"cable {name}": self.cable[name] for name in ("tx", "rx") if name in self.cable}
        pins |= {f"SPI {name}": self.spi[name] for name in ("sck", "mosi", "miso") if self.spi}
        for index, controller in enumerate(self.can):
            pins |= {f"CAN {index} {name}": pin for name, pin in controller.pins().items()}
        return pins

    def settings(self, buses: int) -> dict[str, Any]:
        """Return what firmware/ports/esp32/board.py reads of a board with so many buses.

        Raises:
            UsageError: it has fewer controllers.
        """
        if buses > len(self.can):
            raise UsageError(
                f"{self.title} has {len(self.can)} CAN controllers, and this car {buses} buses: "
                "choose another board, or a profile of one bus"
            )
        settings: dict[str, Any] = {
            "board": self.name,
            "chip": self.chip,
            "button": self.button,
            "cable": self.cable,
            "can": [self._wiring(controller) for controller in self.can[:buses]],
        }
        return settings if self.led is None else {**settings, "led": self.led}

    def _wiring(self, controller: Controller) -> dict[str, Any]:
        own = {
            each.name: getattr(controller, each.name)
            for each in fields(controller)
            if each.name != "controller" and getattr(controller, each.name) not in (None, [])
        }
        if controller.controller != "mcp2515":
            return own
        return {"spi": self.spi["id"], **{k: v for k, v in self.spi.items() if k != "id"}, **own}


def load_board(path: Path) -> Board:
    """Return the board that a file describes; its name is the file's.

    Raises:
        UsageError: the file cannot be read, or does not describe a board.
    """
    try:
        with path.open("rb") as file:
            described = tomllib.load(file)
        described["can"] = [Controller(**each) for each in described["can"]]
        described["parts"] = [Part(**each) for each in described["parts"]]
        board = Board(name=path.stem, **described)
        for problem in _problems(board):
            raise ValueError(problem)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path.name} describes no board ({error}): correct it") from error
    return board


def _problems(board: Board) -> Iterator[str]:
    """Yield what is wrong with a board."""
    if board.chip not in _GPIOS:
        yield f"chip is one of {', '.join(_GPIOS)}"
        return
    if board.supply not in _SUPPLIES:
        yield f"supply is one of {', '.join(_SUPPLIES)}"
    if not board.can:
        yield "it has no CAN controller"
    used: dict[int, str] = {}
    for purpose, pin in board.pins().items():
        if pin not in _GPIOS[board.chip]:
            yield f"{purpose}: the {board.chip} has no GPIO {pin} to use"
        if pin in used:
            yield f"{purpose} and {used[pin]} are both GPIO {pin}"
        if pin in _INPUTS_ONLY[board.chip] and not purpose.endswith(("miso", "rx", "interrupt")):
            yield f"{purpose}: GPIO {pin} is an input only"
        used[pin] = purpose
    if not board.cable.get("usb") and not {"uart", "tx", "rx"} <= board.cable.keys():
        yield "cable is a uart with tx and rx, or usb = true"
    for index, controller in enumerate(board.can):
        needed = {"mcp2515": ("crystal_hz", "cs", "interrupt"), "twai": ("id", "tx", "rx")}
        if controller.controller not in needed:
            yield f"CAN {index}: a controller is one of {', '.join(needed)}"
            continue
        missing = [
            name for name in needed[controller.controller] if getattr(controller, name) is None
        ]
        if missing:
            yield f"CAN {index} lacks {', '.join(missing)}"
        if controller.controller == "mcp2515" and not board.spi:
            yield f"CAN {index} needs [spi]"
