"""Putting Carport on a board: MicroPython, the partition table, the firmware, the files."""
