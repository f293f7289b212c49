"""The profiles of this installation, and the VSS paths that they name."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gateway

if TYPE_CHECKING:
    from carport.client import Signals

_PROFILES = Path(gateway.__file__).parent / "profiles"


def profile_names() -> list[str]:
    """Return the names of all profiles, sorted."""
    return sorted(path.parent.name for path in _PROFILES.glob("*/profile.toml"))


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
    found: set[str] = set()
    for path in _PROFILES.glob(f"{pattern}/vss.json"):
        found.update(json.loads(path.read_text(encoding="utf-8")))
    return sorted(found)
