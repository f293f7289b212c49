"""Reads the vectors: JSON files, each with the source of its examples."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> dict[str, Any]:
    """Return the vectors of tests/vectors/name.json."""
    path = Path(__file__).with_name(name + ".json")
    vectors: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return vectors
