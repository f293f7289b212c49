"""Runs first on a board: nothing but the way back in.

Whoever holds the button while the board starts gets the REPL instead of the gateway, for
afterwards Ctrl-C on the serial port is a byte like any other.
"""
