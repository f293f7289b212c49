"""Which car a profile has: the simulated cars, by name."""

import importlib
from collections.abc import Callable
from pathlib import Path

from carport.car.car import Car
from carport.car.profile import CarError
from carport.profile.installed import installed_profiles

_MODULES = {"reference": "carport.car.reference.car", "leaf": "carport.car.leaf.car"}


def make_car(folder: Path, seed: int, **options: float) -> Car:
    """Return the simulated car of a profile's folder.

    Raises:
        CarError: there is none.
    """
    kind = _kind(folder.resolve().name)
    if kind not in _MODULES:
        known = [name for name in installed_profiles() if _kind(name) in _MODULES]
        raise CarError(f"no car is simulated for {folder.name}: name one of {', '.join(known)}")
    make: Callable[..., Car] = importlib.import_module(_MODULES[kind]).Car
    return make(folder, seed, **options)


def _kind(name: str) -> str:
    """Return which simulated car a profile has, by its name."""
    return name.partition("-")[0]
