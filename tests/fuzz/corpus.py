"""The kept inputs: one file a target, one input a line, in hexadecimal."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"


def read(name: str) -> list[bytes]:
    """Return a target's kept inputs."""
    file = FOLDER / f"{name}.hex"
    return [bytes.fromhex(line) for line in file.read_text().splitlines()] if file.exists() else []


def write(name: str, inputs: Iterable[bytes]) -> None:
    """Keep inputs, the short ones first."""
    lines = [data.hex() + "\n" for data in sorted(set(inputs), key=lambda one: (len(one), one))]
    (FOLDER / f"{name}.hex").write_text("".join(lines))
