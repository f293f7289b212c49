"""The VSS paths that the profiles of this installation name."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gateway

if TYPE_CHECKING:
    from carport.client import Signals


def profile_paths(profile: str | None) -> list[str]:
    """Return the paths of a profile, sorted; none if it is not installed here."""
    return _read(profile) if profile else []


def all_paths() -> list[str]:
    """Return the paths of all profiles, sorted."""
    return _read("*")


def signals_as_json(signals: "Signals", paths: list[str]) -> dict[str, Any]:
    """Return signals as JSON takes them; those of paths that are not known have no value."""
    unknown = {path: {"value": None, "age_ms": None} for path in paths if path not in signals}
    return {path: signal.as_json() for path, signal in signals.items()} | unknown


def _read(pattern: str) -> list[str]:
    profiles = Path(gateway.__file__).parent / "profiles"
    found: set[str] = set()
    for path in profiles.glob(f"{pattern}/vss.json"):
        found.update(json.loads(path.read_text(encoding="utf-8")))
    return sorted(found)
