"""The wiring harness of a board, by WireViz: its YAML, the graph, the list of parts, and pictures.

WireViz needs graphviz's `dot` for the pictures, which is no Python package.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from wireviz import wireviz  # type: ignore[import-untyped]

from carport.hardware import Board
from hw.wiring import (
    BOARD,
    CONVERTER,
    DIVIDER,
    FUSE,
    LOWER_KOHM,
    SELECT_KOHM,
    SUPPLY,
    Wire,
    bus_plug,
    parts,
    to_buy,
    upper_kohm,
    wires,
)

NO_DOT = (
    "graphviz's `dot` is missing, so harnesses are not drawn: install graphviz "
    "(apt install graphviz, brew install graphviz) and run `make hw` again"
)

_SIMPLE_NOTES = {
    SUPPLY: "bench supply, or OBD 16 (+) and 4 (-)",
    FUSE: "at the supply's end of the wire; then D1, D2 of the schematic",
    CONVERTER: "automotive: reverse polarity, 40 V",
}


def has_dot() -> bool:
    """Tell whether pictures can be drawn."""
    return shutil.which("dot") is not None


def describe(board: Board) -> dict[str, Any]:
    """Return what WireViz draws."""
    connectors = {
        name: {
            "type": _title(board, name),
            "pins": terminals,
            "notes": _notes(board, name),
            "show_pincount": False,
            "bgcolor": "LB" if name == BOARD else None,
            "ignore_in_bom": True,
        }
        for name, terminals in parts(board).items()
    }
    cables: dict[str, Any] = {}
    connections: list[Any] = []
    for number, ((start, end), bundle) in enumerate(_bundles(board).items(), start=1):
        cable = f"W{number}"
        cables[cable] = {
            "category": "bundle",
            "wirecount": len(bundle),
            "colors": [wire.color for wire in bundle],
            "wirelabels": [wire.signal for wire in bundle],
            "gauge": "0.75 mm2" if {start, end} & {SUPPLY, FUSE} else "0.25 mm2",
            "length": _length_m(start, end),
            "show_wirenumbers": False,
            "notes": "twisted" if end.startswith("bus") else None,
        }
        connections.append(
            [
                {start: [wire.start_terminal for wire in bundle]},
                {cable: list(range(1, len(bundle) + 1))},
                {end: [wire.end_terminal for wire in bundle]},
            ]
        )
    return {
        "metadata": {"title": board.title},
        "options": {"fontname": "Helvetica", "bgcolor": "WH"},
        "tweak": {"append": "graph [ranksep=0.7 nodesep=0.25]"},
        "connectors": {name: _given(each) for name, each in connectors.items()},
        "cables": {name: _given(each) for name, each in cables.items()},
        "connections": connections,
        "additional_bom_items": [
            {"description": part.name, "qty": part.count} for part in to_buy(board)
        ],
    }


def draw_harness(board: Board, folder: Path) -> None:
    """Write harness.yml, .gv and .bom.tsv, and with `dot` the pictures .svg and .png as well."""
    described = describe(board)
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=99)
    (folder / "harness.yml").write_text(text, encoding="utf-8")
    formats = ("gv", "tsv", "svg", "png") if has_dot() else ("gv", "tsv")
    wireviz.parse(described, output_formats=formats, output_dir=folder, output_name="harness")


def _given(attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not given: WireViz takes an empty note for one."""
    return {name: value for name, value in attributes.items() if value not in (None, "")}


def _bundles(board: Board) -> dict[tuple[str, str], list[Wire]]:
    bundles: dict[tuple[str, str], list[Wire]] = {}
    for wire in wires(board):
        bundles.setdefault((wire.start, wire.end), []).append(wire)
    return bundles


def _length_m(start: str, end: str) -> float:
    if end == FUSE:
        return 0.1
    return 1 if start in (SUPPLY, FUSE) else 0.3


def _title(board: Board, part: str) -> str:
    if part == BOARD:
        return board.title.split(" with ")[0]
    if part.startswith("module"):
        return "MCP2515 module"
    return "plug" if part.startswith(("bus", SUPPLY)) else ""


def _notes(board: Board, part: str) -> str:
    if part == DIVIDER:
        return f"{upper_kohm(board)} kOhm over {LOWER_KOHM} kOhm, 100 nF across the lower"
    for index, controller in enumerate(board.can):
        if part == controller.terminal and controller.is_module:
            assert controller.crystal_hz is not None
            crystal = f"crystal {controller.crystal_hz // 1_000_000} MHz"
            select = f"{SELECT_KOHM} kOhm from CS to VCC (logic)"
            return f"{crystal}; {select}; 120 ohm jumper off in a car"
        if part == bus_plug(index):
            return "the car's second bus" if index else "bench, or the car's bus (OBD: H 6, L 14)"
    return _SIMPLE_NOTES.get(part, "")
