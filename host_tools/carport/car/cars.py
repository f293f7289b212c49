"""Which car a profile has: the simulated cars, by name."""

import importlib
from collections.abc import Callable
from pathlib import Path

from carport.car.car import Car
from carport.car.profile import CarError

_MODULES = {"reference": "carport.car.reference.car", "leaf": "carport.car.leaf.car"}


def make_car(folder: Path, seed: int, **options: float) -> Car:
    """Return the simulated car of a profile's folder.

    Raises:
        CarError: there is none.
    """
    kind = folder.resolve().name.partition("-")[0]
    if kind not in _MODULES:
        raise CarError(f"no car is simulated for {folder.name}: there is one for {_known()}")
    make: Callable[..., Car] = importlib.import_module(_MODULES[kind]).Car
    return make(folder, seed, **options)


def _known() -> str:
    return " and ".join(_MODULES)
