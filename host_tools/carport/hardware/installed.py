"""The boards that came with this installation, and those that its user has described."""

from carport.errors import UsageError
from carport.hardware.board import Board, load_board
from carport.paths import boards_dir, config_dir


def installed_boards() -> dict[str, Board]:
    """Return each board by its name, the recommended ones first.

    A file in the folder `boards` of the user's configuration is a board too; one that has the
    name of ours takes its place.
    """
    files = {path.stem: path for path in sorted(boards_dir().glob("*.toml"))}
    files |= {path.stem: path for path in sorted((config_dir() / "boards").glob("*.toml"))}
    boards = [load_board(path) for path in files.values()]
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
