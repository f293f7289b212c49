"""Drawings: the same board gives the same bytes, and every wire and pin is in them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml  # type: ignore[import-untyped]

from carport.hardware import Board, load_board
from hw import draw
from hw.harness import NO_DOT, draw_harness, has_dot
from hw.schematic import draw_schematic
from hw.wiring import parts, wires

BOARDS = [load_board(path) for path in sorted((draw.REPOSITORY / "hw" / "boards").glob("*.toml"))]
PICTURES = {"harness.svg", "harness.png"}


@pytest.fixture(params=BOARDS, ids=lambda board: board.name)
def board(request: pytest.FixtureRequest) -> Board:
    described: Board = request.param
    return described


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def drawn(board: Board, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    draw_harness(board, folder)
    draw_schematic(board, folder / "schematic.svg")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("no_dot")
def test_the_same_board_gives_the_same_bytes(board: Board, tmp_path: Path) -> None:
    once, again = drawn(board, tmp_path / "once"), drawn(board, tmp_path / "again")
    assert once == again
    assert set(once) == {"harness.yml", "harness.gv", "harness.bom.tsv", "schematic.svg"}


@pytest.mark.skipif(not has_dot(), reason="needs graphviz's dot")
def test_pictures_have_the_same_bytes(tmp_path: Path) -> None:
    once, again = drawn(BOARDS[0], tmp_path / "once"), drawn(BOARDS[0], tmp_path / "again")
    assert once == again
    assert set(once) >= PICTURES


def test_a_schematic_has_every_pin_and_every_bus(board: Board, tmp_path: Path) -> None:
    draw_schematic(board, tmp_path / "schematic.svg")
    text = " ".join(ElementTree.parse(tmp_path / "schematic.svg").getroot().itertext())
    shown = {int(number) for number in re.findall(r"GPIO (\d+)", text)}
    cable = {pin for purpose, pin in board.pins().items() if purpose.startswith("cable")}
    assert shown == set(board.pins().values()) - cable
    assert text.count("120 Ω:") == len(board.can)
    assert text.count("CAN-H") == text.count("CAN-L") == 2 * len(board.can)
    assert ("converter" in text) == (board.supply == "usb") or "has none" in text


@pytest.mark.usefixtures("no_dot")
def test_a_harness_has_every_wire(board: Board, tmp_path: Path) -> None:
    draw_harness(board, tmp_path)
    harness = yaml.safe_load((tmp_path / "harness.yml").read_text(encoding="utf-8"))
    assert {name: each["pins"] for name, each in harness["connectors"].items()} == parts(board)
    made = [
        (start, start_terminal, end, end_terminal, harness["cables"][cable]["colors"][number - 1])
        for (starts, cables, ends) in harness["connections"]
        for start, start_terminals in starts.items()
        for cable, numbers in cables.items()
        for end, end_terminals in ends.items()
        for start_terminal, number, end_terminal in zip(
            start_terminals, numbers, end_terminals, strict=True
        )
    ]
    assert sorted(made) == sorted(
        (each.start, each.start_terminal, each.end, each.end_terminal, each.color)
        for each in wires(board)
    )


def test_wires_lead_to_the_pins_of_the_description() -> None:
    devkit = next(each for each in BOARDS if each.name == "devkit-mcp2515")
    found = {(each.start_terminal, each.end, each.end_terminal) for each in wires(devkit)}
    for module, cs, interrupt in (("module 1", 5, 4), ("module 2", 21, 22)):
        assert ("GPIO 18", module, "SCK") in found
        assert ("GPIO 23", module, "SI") in found
        assert ("GPIO 19", module, "SO") in found
        assert (f"GPIO {cs}", module, "CS") in found
        assert (f"GPIO {interrupt}", module, "INT") in found
    assert ("sense", "board", "GPIO 34") in found


def test_no_two_wires_of_the_board_are_one(board: Board) -> None:
    ends = [(each.end, each.end_terminal) for each in wires(board) if each.end != "board"]
    assert len(ends) == len(set(ends))


@pytest.mark.usefixtures("no_dot")
def test_make_hw_writes_the_page_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "hardware.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- made of hw/boards: choice -->\nold\n<!-- end -->\nafter\n")
    (tmp_path / "hw").symlink_to(draw.REPOSITORY / "hw")
    monkeypatch.setattr(draw, "REPOSITORY", tmp_path)
    monkeypatch.setattr(draw, "PAGE", page)
    draw.main()
    printed = capsys.readouterr()
    assert printed.err == f"{NO_DOT}\n"
    assert sorted(printed.out.split()) == [f"build/hw/{each.name}" for each in BOARDS]
    written = page.read_text(encoding="utf-8")
    assert written.startswith("before\n<!-- made of hw/boards: choice -->\n\n| board |")
    assert written.endswith("<!-- end -->\nafter\n")
    assert "old" not in written
