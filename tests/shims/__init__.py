"""An ESP32's own modules for the MicroPython VM on a PC, and the chip behind them.

machine, esp32, esp, network, socket and neopixel have no more than what the firmware uses of the
real modules, in the shape that micropython-esp32-stubs give them: tests/unit/test_shims.py
compares them, so a call that a board does not know fails here too. What is only for tests is in
`chip` and `twai`; what begins with an underscore is nobody's business. An argument that begins
with two is positional only.
"""
