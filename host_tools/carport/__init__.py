"""Carport's tools for the PC: the `carport` command, its client, the car and the emulator."""

__version__ = "0.1.0"
