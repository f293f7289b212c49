"""Frames of the bus: which bits are which signal, and whether a frame is what it claims to be."""
