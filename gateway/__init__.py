"""The portable core: sans-IO, identical on MicroPython and CPython."""
