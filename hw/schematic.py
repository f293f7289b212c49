"""The schematic of a board, by schemdraw: how it is fed, and each bus from the chip to the plug.

Blocks are drawn on a grid of rows, so that what is connected lies on one line; schemdraw draws the
symbols. The same board gives the same bytes.
"""

# mypy: disable-error-code="no-untyped-call"
# schemdraw is typed, but for some symbols' constructors.

import itertools
from pathlib import Path
from typing import Literal

import schemdraw
from schemdraw import elements as elm
from schemdraw.segments import SegmentText

from carport.hardware import Board, Controller
from hw.wiring import LOWER_KOHM, SELECT_KOHM, bus_plug, has_own_divider, is_isolated, upper_kohm

_Align = Literal["left", "center", "right"]

_ROW = 0.9
_CHIP = (8.0, 12.0)
_CONTROLLER = (16.5, 19.5)
_TRANSCEIVER = (22.5, 26.0)
_TERMINATION = 28.5
_PLUG = (32.0, 34.5)
_SELECT = 13.4
_SMALL = 11


def draw_schematic(board: Board, file: Path) -> None:
    """Write the schematic as an SVG."""
    schemdraw.use("svg")
    schemdraw.svgconfig.text = "text"
    with schemdraw.Drawing(file=str(file), show=False) as drawing:
        drawing.config(unit=2.5, fontsize=13, font="sans-serif", lw=1.5, bgcolor="white")
        _Sheet(drawing, board).draw()


class _Sheet:
    """A drawing under way; y falls from row to row."""

    def __init__(self, drawing: schemdraw.Drawing, board: Board) -> None:
        self._drawing = drawing
        self._board = board
        self._has_modules = any(controller.is_module for controller in board.can)

    def draw(self) -> None:
        """Draw all of it."""
        self._text(0, 3.2, self._board.title, 18, "left")
        self._power()
        self._chip()

    def _power(self) -> None:
        """From the plug to the board: fuse, reverse polarity, load dump, converter."""
        board = self._board
        add = self._drawing.add
        self._text(1.4, 1.0, "supply\n+12 V", halign="right")
        add(elm.Dot(open=True).at((1.6, 1.0)))
        add(elm.Fuse().at((1.6, 1.0)).right().label("F1, 1 A"))
        self._text(1.4, -0.6, "supply\nGND", halign="right")
        add(elm.Dot(open=True).at((1.6, -0.6)))
        add(elm.Ground().at(add(elm.Line().at((1.6, -0.6)).right().length(1)).end))
        after_fuse = add(elm.Dot().at((4.1, 1.0))).center
        self._text(after_fuse.x + 0.1, after_fuse.y - 0.6, "12 V, fused", _SMALL, "left")
        add(elm.Schottky().at(after_fuse).right().length(3.2))
        self._text(after_fuse.x + 1.6, after_fuse.y + 0.6, "D1, reverse polarity", _SMALL)
        fused = add(elm.Dot()).center
        add(elm.Zener().at(fused).down().length(2.2).reverse())
        self._text(fused.x + 0.6, fused.y - 1.1, "D2: TVS,\nload dump", _SMALL, "left")
        add(elm.Ground().at((fused.x, fused.y - 2.2)))
        add(elm.Line().at(fused).right().length(4.5))
        if board.supply == "12v":
            self._text(fused.x + 4.7, fused.y, "12 V, to the board", halign="left")
            self._text(
                fused.x + 4.7, fused.y - 0.7, "(D1, D2: where the board has none)", _SMALL, "left"
            )
            return
        left, right = fused.x + 4.5, fused.x + 8.0
        self._box(left, fused.y + 0.8, right, fused.y - 1.4)
        self._text((left + right) / 2, fused.y - 0.1, "12 V to 5 V\nconverter")
        add(elm.Line().at((left + 1.75, fused.y - 1.4)).down().length(0.4))
        add(elm.Ground())
        add(elm.Line().at((right, fused.y)).right().length(1.5))
        self._text(right + 1.7, fused.y, "5 V, to the board", halign="left")
        self._text(
            right + 1.7, fused.y - 0.7, "(D1, D2: where the converter has none)", _SMALL, "left"
        )

    def _chip(self) -> None:
        """The chip: what it has on its left, and a group of rows for each bus on its right."""
        board = self._board
        top = -4.0
        row = top - 1.2
        spi: Controller | None = None
        for index, controller in enumerate(board.can):
            row = self._bus(index, controller, row, spi) - _ROW / 2
            if controller.controller == "mcp2515":
                spi = spi or controller
        bottom = min(row, self._left(top - 1.2)) + _ROW / 2
        self._box(_CHIP[0], top, _CHIP[1], bottom)
        self._text(sum(_CHIP) / 2, top + 0.4, board.title.split(" with ")[0])
        self._text(sum(_CHIP) / 2, top - 0.5, board.chip.upper(), _SMALL)

    def _left(self, y: float) -> float:
        """Draw button, LED and divider; return the row below."""
        board = self._board
        add = self._drawing.add
        x = _CHIP[0]
        supply = {"12v": "12 V"}.get(board.supply, "5 V")
        self._text(x + 0.15, y, supply, _SMALL, "left")
        add(elm.Line().at((x, y)).left().length(3))
        self._text(x - 3.2, y, f"{supply}, from above", _SMALL, "right")
        y -= 1.0
        self._text(x + 0.15, y, "GND", _SMALL, "left")
        add(elm.Ground().at(add(elm.Line().at((x, y)).left().length(1.5)).end))
        if self._has_modules:
            y -= 1.4
            self._text(x + 0.15, y, "3V3", _SMALL, "left")
            add(elm.Line().at((x, y)).left().length(3))
            self._text(x - 3.2, y, "3V3, to each module", _SMALL, "right")
        y -= 1.6
        self._pin(x, y, board.button, "right")
        button = add(elm.Button().at((x, y)).left().length(3).label("button", fontsize=_SMALL))
        add(elm.Ground().at(button.end))
        y -= 2.0
        if isinstance(board.led, dict):
            self._pin(x, y, board.led["ws2812"], "right")
            add(elm.Line().at((x, y)).left().length(3))
            self._text(x - 3.2, y, "WS2812", _SMALL, "right")
            y -= 2.2
        elif board.led is not None:
            self._pin(x, y, board.led, "right")
            value = "1 kΩ" if self._has_modules else "on the board"
            add(elm.Resistor().at((x, y)).left().length(2.5).label(value, fontsize=_SMALL))
            add(elm.LED().left().length(2).label("LED", fontsize=_SMALL, loc="bottom"))
            add(elm.Ground())
            y -= 2.2
        if board.stay_on is not None:
            self._pin(x, y, board.stay_on["pin"], "right")
            add(elm.Line().at((x, y)).left().length(3))
            level = "high" if board.stay_on["level"] else "low"
            self._text(x - 3.2, y, f"held {level}:\nkeeps the supply on", _SMALL, "right")
            y -= 1.6
        if board.supply_sense is None:
            return y
        self._pin(x, y, board.supply_sense["pin"], "right")
        add(elm.Line().at((x, y)).left().length(3))
        if has_own_divider(board):
            divider = board.supply_sense["divider"]
            self._text(x - 3.1, y, f"12 V, divided by {divider}\non the board", _SMALL, "right")
            return y - 2.2
        node = (x - 3, y)
        add(elm.Dot().at(node))
        upper = add(elm.Resistor().at(node).left().length(2.5))
        self._text(x - 4.25, y + 0.6, f"{upper_kohm(board)} kΩ", _SMALL)
        self._text(upper.end.x - 0.2, y, "12 V, fused", _SMALL, "right")
        add(elm.Resistor().at(node).down().length(2))
        self._text(x - 3.4, y - 1.0, f"{LOWER_KOHM} kΩ", _SMALL, "right")
        add(elm.Ground())
        add(elm.Capacitor().at((x - 1.8, y)).down().length(2))
        self._text(x - 1.4, y - 1.4, "100 nF", _SMALL, "left")
        add(elm.Ground())
        add(elm.Dot().at((x - 1.8, y)))
        return y - 3.6

    def _bus(self, index: int, controller: Controller, y: float, spi: Controller | None) -> float:
        """Draw a bus from row y on; return the row below."""
        if controller.controller == "mcp2515":
            below = self._mcp2515(controller, y, spi)
            transceiver_y = y - _ROW
            for name, row in (("TXCAN", 0), ("RXCAN", 1)):
                line = transceiver_y - row * _ROW
                self._text(_CONTROLLER[1] - 0.15, line, name, _SMALL, "right")
                self._line(_CONTROLLER[1], _TRANSCEIVER[0], line)
            enables_y = below
        else:
            assert controller.tx is not None
            assert controller.rx is not None
            for row, pin in enumerate((controller.tx, controller.rx)):
                self._pin(_CHIP[1], y - row * _ROW, pin, "left")
                self._line(_CHIP[1], _TRANSCEIVER[0], y - row * _ROW)
            self._text(_CHIP[1] + 0.3, y + 0.3, f"machine.CAN({controller.id})", _SMALL, "left")
            transceiver_y = y
            below = enables_y = y - 2 * _ROW
        for pin, level in controller.outputs:
            self._pin(_CHIP[1], enables_y, pin, "left")
            self._line(_CHIP[1], _CHIP[1] + 1, enables_y)
            meaning = "high" if level else "low"
            text = f"held {meaning}, for the transceiver"
            self._text(_CHIP[1] + 1.2, enables_y, text, _SMALL, "left")
            enables_y -= _ROW
        self._to_the_plug(index, controller, transceiver_y)
        rows = 6 if is_isolated(controller) else 5
        return min(below, enables_y, transceiver_y - rows * _ROW)

    def _mcp2515(self, controller: Controller, y: float, spi: Controller | None) -> float:
        """Draw an MCP2515; a further one has its SPI by name, not by lines."""
        assert controller.cs is not None
        assert controller.interrupt is not None
        assert controller.crystal_hz is not None
        shared = [("SCK", "sck"), ("SI", "mosi"), ("SO", "miso")]
        pins = [(name, self._board.spi[signal], spi is None) for name, signal in shared]
        pins += [("CS", controller.cs, True), ("INT", controller.interrupt, True)]
        if controller.reset is not None:
            pins.append(("RESET", controller.reset, True))
        self._box(_CONTROLLER[0], y + 0.8, _CONTROLLER[1], y - (len(pins) - 1) * _ROW - 0.6)
        title = f"MCP2515, {controller.crystal_hz // 1_000_000} MHz"
        self._text(sum(_CONTROLLER) / 2, y + 1.2, title, _SMALL)
        if controller.is_module:
            self._supply(_CONTROLLER[1], y - 3 * _ROW, "3V3", 1)
            self._select(y)
        for name, pin, has_line in pins:
            self._text(_CONTROLLER[0] + 0.15, y, name, _SMALL, "left")
            if has_line:
                self._pin(_CHIP[1], y, pin, "left")
                self._line(_CHIP[1], _CONTROLLER[0], y)
            else:
                self._line(_CONTROLLER[0] - 0.8, _CONTROLLER[0], y)
                self._text(_CONTROLLER[0] - 0.9, y, f"GPIO {pin}", _SMALL, "right")
            y -= _ROW
        return y

    def _to_the_plug(self, index: int, controller: Controller, y: float) -> None:
        """Draw transceiver, termination and plug: CAN high in row y, CAN low three below."""
        add = self._drawing.add
        low = y - 3 * _ROW
        lines = [("CAN-H", y), ("CAN-L", low)]
        if is_isolated(controller):
            lines.append(("GND", low - _ROW))
        bottom = lines[-1][1] - 0.6
        self._box(_TRANSCEIVER[0], y + 0.8, _TRANSCEIVER[1], bottom)
        self._text(sum(_TRANSCEIVER) / 2, y + 1.2, controller.transceiver, _SMALL)
        if controller.is_module:
            self._supply(_TRANSCEIVER[0], y - 2 * _ROW, "5 V", -1)
        for row, name in enumerate(("TXD", "RXD")):
            self._text(_TRANSCEIVER[0] + 0.15, y - row * _ROW, name, _SMALL, "left")
        self._box(_PLUG[0], y + 0.8, _PLUG[1], bottom)
        name = bus_plug(index)
        if len(self._board.can) > 1:
            name = f"{name}: {controller.terminal}"
        self._text(sum(_PLUG) / 2, y + 1.2, name, _SMALL)
        for label, line in lines:
            self._text(_TRANSCEIVER[1] - 0.15, line, label, _SMALL, "right")
            self._text(_PLUG[0] + 0.15, line, label, _SMALL, "left")
            self._line(_TRANSCEIVER[1], _PLUG[0], line)
        add(elm.Dot().at((_TERMINATION, y)))
        add(elm.Dot().at((_TERMINATION, low)))
        switch = add(elm.Switch().at((_TERMINATION, y)).down().length(0.9))
        add(elm.Resistor().at(switch.end).down().toy(low))
        self._text(_TERMINATION + 0.6, (y + low) / 2 - 0.3, "120 Ω:\noff in a car", _SMALL, "left")

    def _supply(self, x: float, y: float, voltage: str, outwards: int) -> None:
        """Draw VCC in row y of a side at x, and GND below it; outwards: 1 to the right, or -1."""
        outside: _Align = "left" if outwards > 0 else "right"
        inside: _Align = "right" if outwards > 0 else "left"
        end = x + 0.6 * outwards
        for row, name in enumerate(("VCC", "GND")):
            self._text(x - 0.15 * outwards, y - row * _ROW, name, _SMALL, inside)
            self._line(x, end, y - row * _ROW)
        self._text(end + 0.1 * outwards, y, voltage, _SMALL, outside)
        self._drawing.add(elm.Ground().at((end, y - _ROW)))

    def _select(self, y: float) -> None:
        """Draw the resistor of a module's CS, whose rows begin at y."""
        add = self._drawing.add
        select = (_SELECT, y - 3 * _ROW)
        add(elm.Dot().at(select))
        above = add(elm.Line().at(select).up().toy(y + 0.1)).end
        add(elm.Resistor().at(above).up().length(1))
        self._text(_SELECT + 0.35, y + 0.6, f"{SELECT_KOHM} kΩ", _SMALL, "left")
        self._text(_SELECT, y + 1.35, "3V3", _SMALL)

    def _box(self, left: float, top: float, right: float, bottom: float) -> None:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for start, end in itertools.pairwise(corners):
            self._drawing.add(elm.Line().at(start).to(end))

    def _line(self, start: float, end: float, y: float) -> None:
        self._drawing.add(elm.Line().at((start, y)).to((end, y)))

    def _pin(self, x: float, y: float, pin: int, side: str) -> None:
        """Write a GPIO's number inside the chip; side is where its inside is, seen from x."""
        inside = x - 0.15 if side == "left" else x + 0.15
        self._text(inside, y, f"GPIO {pin}", _SMALL, "right" if side == "left" else "left")

    def _text(
        self, x: float, y: float, text: str, fontsize: float = 13, halign: _Align = "center"
    ) -> None:
        self._drawing.add(_Text(text, fontsize, halign).at((x, y)).theta(0))


class _Text(elm.Element):
    """A text at a place, aligned there; schemdraw's own label is always centered."""

    def __init__(self, text: str, fontsize: float, halign: _Align) -> None:
        super().__init__()
        self.segments.append(SegmentText((0, 0), text, (halign, "center"), fontsize=fontsize))
