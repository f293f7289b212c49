"""Runs on a board after boot.py. Not run on one yet.

The port of the REPL may be the cable, where Ctrl-C is a byte like any other: one that comes while
the board starts must not leave it at the REPL. The firmware lets it end the program again, if the
button is held.
"""

import micropython

micropython.kbd_intr(-1)

from firmware.loader import run  # noqa: E402

run()
