"""The car as data: its state, and what may, did and should be done to it."""
