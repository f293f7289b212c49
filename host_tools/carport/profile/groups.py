"""The groups of signals that an owner may consent to being recorded, by branches of VSS.

What is in none of them is never recorded: doors and locks, and all that identifies the car.
"""

from carport.profile.model import Leaf
from gateway.data.schema import DATATYPES

GROUPS = {
    "driving": (
        "Vehicle.Chassis",
        "Vehicle.LowVoltageSystemState",
        "Vehicle.Powertrain.Transmission",
        "Vehicle.Speed",
        "Vehicle.TraveledDistance",
    ),
    "climate": ("Vehicle.Cabin.HVAC", "Vehicle.Cabin.Seat", "Vehicle.Exterior.AirTemperature"),
    "charging": ("Vehicle.Powertrain.TractionBattery",),
    "location": ("Vehicle.CurrentLocation",),
}


def group_of(path: str) -> str | None:
    """Return the group that a VSS path belongs to, None if it may not be recorded."""
    for group, branches in GROUPS.items():
        if any(path == branch or path.startswith(branch + ".") for branch in branches):
            return group
    return None


def compiled_groups(leaves: tuple[Leaf, ...]) -> dict[str, bytes]:
    """Return for each group that the car has two bytes a leaf: its index, and its datatype's.

    Raises:
        ValueError: a leaf of a group is not among the first 256.
    """
    groups: dict[str, bytes] = {}
    for index, leaf in enumerate(leaves):
        group = group_of(leaf.path)
        if group is not None:
            row = bytes([index, DATATYPES.index(leaf.datatype)])
            groups[group] = groups.get(group, b"") + row
    return groups
