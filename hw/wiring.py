"""The wires that a builder makes, from a board's description: drawings and tables are made of it.

    supply plug -> fuse -> converter to 5 V -> board -> MCP2515 modules -> bus plug
                      \\-> divider, to measure 12 V -/

A board that takes a car's 12 V has no converter; one with its controllers on it has no modules.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from carport.hardware import Board, Controller, Part

SUPPLY = "supply"
FUSE = "fuse 1 A"
CONVERTER = "converter to 5 V"
DIVIDER = "divider"
BOARD = "board"
FUSE_PART = Part("holder and fuse, 1 A, for the wire", 1, [2, 5])
CONVERTER_PART = Part(
    "automotive converter 12 V to 5 V, 1 A, that takes 40 V and reverse polarity",
    1,
    [6, 20],
    "a USB supply, on the bench",
)
DIODE_PART = Part(
    "D1: Schottky diode, 1 A, 60 V (SB160), where nothing behind it stands reverse polarity",
    1,
    [1, 2],
)
TVS_PART = Part(
    "D2: TVS diode for load dump, 24 V stand-off (SM8S24A), where nothing behind it has one",
    1,
    [2, 5],
)
SELECT_KOHM = 10
"""From a module's CS to its 3.3 V: nothing else keeps it unselected while no program runs."""

LOWER_KOHM = 15
"""The lower resistor of the divider; a board's `divider` tells the upper one."""


@dataclass(frozen=True)
class Wire:
    """A wire from one part's terminal to another's; the color as WireViz abbreviates it."""

    start: str
    start_terminal: str
    end: str
    end_terminal: str
    color: str
    signal: str


def wires(board: Board) -> list[Wire]:
    """Return the wires, from the supply to the buses."""
    return [*_supply(board), *_modules(board), *_buses(board)]


def parts(board: Board) -> dict[str, list[str]]:
    """Return each part with its terminals, in the order of the wires."""
    found: dict[str, list[str]] = {}
    for wire in wires(board):
        for part, terminal in (
            (wire.start, wire.start_terminal),
            (wire.end, wire.end_terminal),
        ):
            terminals = found.setdefault(part, [])
            if terminal not in terminals:
                terminals.append(terminal)
    return found


def to_buy(board: Board) -> list[Part]:
    """Return all that a builder buys for a car: the board's own parts, then what feeds it."""
    converter = [] if board.supply == "12v" else [CONVERTER_PART]
    return [*board.parts, *converter, FUSE_PART, DIODE_PART, TVS_PART]


def upper_kohm(board: Board) -> int:
    """Return the upper resistor of the divider that a builder makes."""
    assert board.supply_sense is not None
    divider: float = board.supply_sense["divider"]
    return round((divider - 1) * LOWER_KOHM)


def has_own_divider(board: Board) -> bool:
    """Tell whether the board measures its supply by itself: it does if it takes 12 V."""
    return board.supply == "12v"


def bus_plug(index: int) -> str:
    """Return the name of the plug to a bus; they are counted from 1."""
    return f"bus {index + 1}"


def is_isolated(controller: Controller) -> bool:
    """Tell whether a bus needs a ground of its own."""
    return "isolated" in controller.transceiver


def _supply(board: Board) -> Iterator[Wire]:
    yield Wire(SUPPLY, "+12 V", FUSE, "in", "RD", "12 V")
    if board.supply == "12v":
        yield Wire(FUSE, "out", BOARD, "12 V", "RD", "12 V, fused")
        yield Wire(SUPPLY, "GND", BOARD, "GND", "BK", "ground")
        return
    yield Wire(FUSE, "out", CONVERTER, "IN +", "RD", "12 V, fused")
    yield Wire(SUPPLY, "GND", CONVERTER, "IN -", "BK", "ground")
    has_pins = any(controller.is_module for controller in board.can)
    yield Wire(CONVERTER, "OUT +", BOARD, "5V" if has_pins else "USB 5 V", "OG", "5 V")
    yield Wire(CONVERTER, "OUT -", BOARD, "GND" if has_pins else "USB GND", "BK", "ground")
    if board.supply_sense is not None:
        pin = _gpio(board.supply_sense["pin"])
        yield Wire(FUSE, "out", DIVIDER, "12 V", "RD", "12 V, fused")
        yield Wire(DIVIDER, "sense", BOARD, pin, "PK", "12 V, divided")
        yield Wire(DIVIDER, "GND", BOARD, "GND", "BK", "ground")


def _modules(board: Board) -> Iterator[Wire]:
    for controller in board.can:
        if not controller.is_module:
            continue
        module = controller.terminal
        assert controller.cs is not None
        assert controller.interrupt is not None
        yield Wire(BOARD, "3V3", module, "VCC (logic)", "WH", "3.3 V")
        yield Wire(BOARD, "5V", module, "VCC (transceiver)", "OG", "5 V")
        yield Wire(BOARD, "GND", module, "GND", "BK", "ground")
        yield Wire(BOARD, _gpio(board.spi["sck"]), module, "SCK", "YE", "SPI clock")
        yield Wire(BOARD, _gpio(board.spi["mosi"]), module, "SI", "GN", "SPI to the module")
        yield Wire(BOARD, _gpio(board.spi["miso"]), module, "SO", "BU", "SPI from the module")
        yield Wire(BOARD, _gpio(controller.cs), module, "CS", "VT", "chip-select")
        yield Wire(BOARD, _gpio(controller.interrupt), module, "INT", "GY", "interrupt")


def _buses(board: Board) -> Iterator[Wire]:
    for index, controller in enumerate(board.can):
        plug = bus_plug(index)
        start = controller.terminal if controller.is_module else BOARD
        prefix = "" if controller.is_module else f"{controller.terminal} "
        high, low = (
            f"{prefix}{name}" if prefix != "CAN " else f"CAN-{name}" for name in ("H", "L")
        )
        yield Wire(start, high, plug, "CAN-H", "YE", "CAN high")
        yield Wire(start, low, plug, "CAN-L", "GN", "CAN low")
        if is_isolated(controller):
            yield Wire(start, f"{prefix}GND", plug, "GND", "BK", "the bus's ground")


def _gpio(pin: int) -> str:
    return f"GPIO {pin}"
