"""A gateway and its car on this machine: the firmware in a real MicroPython VM, and the hub."""

DEFAULT_CAR = "reference"
"""The car that we have invented: the emulated one, and a bench's, unless another is named."""
