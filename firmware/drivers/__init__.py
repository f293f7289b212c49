"""Drivers of chips that stock MicroPython does not know."""
