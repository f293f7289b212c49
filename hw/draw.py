"""`make hw`: draw every board into build/hw, and write the tables of docs/hardware.md anew."""

import sys
from pathlib import Path

from carport.hardware import load_board
from hw.harness import NO_DOT, draw_harness, has_dot
from hw.schematic import draw_schematic
from hw.tables import fill

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "hardware.md"


def main() -> None:
    """Draw what this clone describes, whatever boards its user has of his own."""
    files = sorted((REPOSITORY / "hw" / "boards").glob("*.toml"))
    boards = sorted(map(load_board, files), key=lambda board: not board.is_recommended)
    for board in boards:
        folder = REPOSITORY / "build" / "hw" / board.name
        folder.mkdir(parents=True, exist_ok=True)
        draw_harness(board, folder)
        draw_schematic(board, folder / "schematic.svg")
        print(folder.relative_to(REPOSITORY))
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), boards), encoding="utf-8")
    if not has_dot():
        print(NO_DOT, file=sys.stderr)


if __name__ == "__main__":
    main()
