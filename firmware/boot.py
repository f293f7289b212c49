"""Runs first on a board: keeps ESP-IDF's own log lines off the serial port. Not run on one yet."""

import esp

esp.osdebug(None)
