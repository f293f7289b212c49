"""The boards that came with this installation."""

from carport.errors import UsageError
from carport.hardware.board import Board, load_board
from carport.paths import boards_dir


def installed_boards() -> dict[str, Board]:
    """Return each board by its name, the recommended ones first."""
    boards = [load_board(path) for path in sorted(boards_dir().glob("*.toml"))]
    boards.sort(key=lambda board: not board.is_recommended)
    return {board.name: board for board in boards}


def board_named(name: str) -> Board:
    """Return the board of that name.

    Raises:
        UsageError: there is none.
    """
    boards = installed_boards()
    if name not in boards:
        raise UsageError(f"there is no board {name}: there are {', '.join(boards)}")
    return boards[name]
