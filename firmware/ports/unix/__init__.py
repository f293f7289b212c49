"""The port for a PC: the MicroPython VM of the emulator."""
