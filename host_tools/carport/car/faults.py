"""The faults that the car can be given, by name."""

from dataclasses import dataclass

_LOCKS = ("front-left", "front-right", "rear-left", "rear-right", "trunk")
_ECUS = ("body", "climate", "battery", "drivetrain")


@dataclass(frozen=True)
class Fault:
    """A fault, and the places it can have; the first one is meant if none is named."""

    name: str
    summary: str
    places: tuple[str, ...] = ()


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("silent", "An ECU sends nothing and obeys nothing.", _ECUS),
        Fault("stuck-lock", "A lock's motor does not move.", _LOCKS),
        Fault("door-ajar", "A door reports open, whatever is done to it.", (*_LOCKS, "hood")),
        Fault("low-battery", "4 % of charge, 11.4 V."),
        Fault("wrong-checksums", "An ECU's frames have wrong checksums.", _ECUS),
        Fault("frozen-counters", "An ECU's frames repeat their counters.", _ECUS),
        Fault("babbler", "A broken node sends on the gateway's own ID."),
        Fault("climate", "The climate unit reports a fault and does nothing."),
    )
}
