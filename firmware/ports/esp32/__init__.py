"""The port for an ESP32: checked against the types of MicroPython 1.29, not run on a board yet."""
