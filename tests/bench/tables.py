"""What the sections of BENCHMARKS.md have in common: tables, and the projection."""

from collections.abc import Iterable, Sequence

# How much slower an ESP32 at 160 MHz runs interpreted code, from published figures.
SLOWER_LOW, SLOWER_HIGH = 143, 178


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: a column of names, then one of text, or several of figures."""
    others = ["---"] if len(head) == 2 else ["---:"] * (len(head) - 1)
    lines = [head, ["---", *others], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
