"""Boards as data: hw/boards/*.toml is the one place where a pin is written down."""

from carport.hardware.board import Board, Controller, Part, load_board
from carport.hardware.installed import board_named, installed_boards

__all__ = ["Board", "Controller", "Part", "board_named", "installed_boards", "load_board"]
