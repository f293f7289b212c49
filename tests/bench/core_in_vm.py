"""Runs in the MicroPython VM: measures every operation of the core, and prints a line for each.

    name bytes us us us ...

us is how long a run took, bytes what it allocated, with the collector off. Arguments: the file of
inputs (see inputs.py), and how many runs.
"""

from firmware.bench import measure


def main(inputs: str, runs: str) -> None:
    for name, _, used, times in measure(inputs, int(runs)):
        print(name, used, *times)
