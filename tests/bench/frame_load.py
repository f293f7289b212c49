"""How many frames a second of each profile's car pass the gateway's filters."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from carport.car.car import Car
from carport.car.cars import make_car
from carport.car.profile import CarError
from carport.car.requests import answer
from carport.profile import compile_profile
from carport.profile.installed import installed_profiles
from firmware.drivers.mcp2515_filters import HardwareFilters

FULL_BUS = 4000
"""Frames a second on a bus of 500 kbit/s that is never idle: 8 bytes each, and some stuff bits."""

_STANDARD = 0
_SECONDS = 20
_ASSUMED = 10.0

# In frames a second, where a source says it; the simulated car may send less often.
_DOCUMENTED = {
    "leaf": ("opendbc, car/nissan/carstate.py", {0x284: 50.0, 0x421: 25.0, 0x60D: 10.0}),
    "model3": ("opendbc, safety/modes/tesla.h", {0x118: 100.0, 0x257: 50.0}),
}


@dataclass(frozen=True)
class Load:
    """What one profile's car sends while it drives, in frames a second.

    wanted: of the ids that the profile wants. foreign: of those that an MCP2515's filters let
    through beside, if they had their share of a full bus. foreign_share: that share, at most.
    """

    profile: str
    ids: int
    wanted: float
    foreign_share: float
    foreign: float
    source: str


def measure() -> list[Load]:
    """Return the load of each profile."""
    return [_load(name, folder) for name, folder in installed_profiles().items()]


def _load(name: str, folder: Path) -> Load:
    profile = compile_profile(folder)
    filters = [[(each[0], each[1], each[2]) for each in bus] for bus in profile["filters"]]
    shares = [HardwareFilters(each).foreign_share(_STANDARD) for each in filters]
    wanted = [identifier for bus in filters for identifier, _, _ in bus]
    source, documented = _DOCUMENTED.get(name.partition("-")[0], ("", {}))
    try:
        simulated = _simulated(make_car(folder, seed=1))
        sources = ["the simulated car"]
    except CarError:
        simulated = Counter()
        sources = [f"{_ASSUMED:.0f}/s assumed for each"]
    rates = []
    for identifier in wanted:
        rate = simulated[identifier] / _SECONDS if simulated else _ASSUMED
        rates.append(max(rate, documented.get(identifier, 0.0)))
    if documented:
        known = ", ".join(f"0x{each:X}" for each in documented)
        sources.append(f"but for {known}: {source}")
    return Load(
        name,
        len(wanted),
        sum(rates),
        max(shares),
        FULL_BUS * sum(shares),
        ", ".join(sources),
    )


def _simulated(car: Car) -> Counter[int]:
    """Return how many frames of each id the car sends while it drives."""
    drive = {"do": "drive", "kph": 50, "seconds": 2 * _SECONDS}
    reply = answer(car, drive, lambda duration_ms: None, 0.0)
    assert reply["ok"], reply
    counts: Counter[int] = Counter()
    now_s = 0.0
    while now_s < _SECONDS:
        counts.update(message.arbitration_id for message in car.step(now_s))
        due_s = car.next_s()
        now_s = _SECONDS if due_s is None else max(due_s, now_s)
    return counts
