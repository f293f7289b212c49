"""What differs between boards and a PC: one folder each, with the same names."""
