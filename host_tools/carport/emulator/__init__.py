"""A gateway and its car on this machine: the firmware in a real MicroPython VM, and the hub."""
