"""What to freeze into MicroPython's firmware: code that runs from flash and takes no RAM.

docs/building.md says how. Beside MicroPython's own frozen modules only what the firmware needs is
there: its _boot.py would not let a board with a damaged file system start. Not built for a board
yet.
"""
# ruff: noqa: F821
# mypy: disable-error-code="name-defined"

require("neopixel")
package("gateway", base_path="..")
package("firmware", base_path="..")
module("_boot.py", base_path="ports/esp32")
module("boot.py")
module("main.py", base_path="ports/esp32")
