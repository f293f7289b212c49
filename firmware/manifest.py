"""What to freeze into MicroPython's firmware: code that runs from flash and takes no RAM.

    make -C ports/esp32 BOARD=... FROZEN_MANIFEST=<clone>/firmware/manifest.py

Without it the code fills the RAM of an ESP32. Not built for a board yet.
"""
# ruff: noqa: F821
# mypy: disable-error-code="name-defined"

include("$(PORT_DIR)/boards/manifest.py")
package("gateway", base_path="..")
package("firmware", base_path="..")
module("boot.py")
module("main.py")
