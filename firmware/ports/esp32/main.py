"""Runs on a board after boot.py. Not run on one yet."""

from firmware.loader import run

run()
