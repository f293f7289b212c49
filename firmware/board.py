"""The board that this is: the PC's or the ESP32's, by what MicroPython says it runs on."""

import sys

if sys.platform == "esp32":
    from firmware.ports.esp32.board import Board
else:
    from firmware.ports.unix.board import Board

__all__ = ["Board"]
