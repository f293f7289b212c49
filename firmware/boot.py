"""Runs first on a board: keeps ESP-IDF's own lines off the port that may be the cable.

A Ctrl-C that ends this would leave the board at the REPL. Not run on a board yet.
"""

import micropython

micropython.kbd_intr(-1)

import esp  # noqa: E402

esp.osdebug(0, esp.LOG_NONE)
