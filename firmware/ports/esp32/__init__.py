"""The port for an ESP32 with stock MicroPython. It has not run on a board yet."""
