"""Runs first on a board: keeps ESP-IDF's own lines off the port that may be the cable.

Not run on a board yet.
"""

import esp

esp.osdebug(0, esp.LOG_NONE)
