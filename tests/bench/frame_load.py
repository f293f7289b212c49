"""How many frames a second the simulated car sends that the gateway's filters let through."""

from tests.bench import inputs
from tests.car_rig import Rig

_SECONDS = 20


def frames_a_second() -> float:
    """Return the reference profile's load while the car is awake."""
    profile = inputs.profile()
    names = [name for name, _ in profile["buses"]]
    filters = dict(zip(names, profile["filters"], strict=True))
    rig = Rig()
    rig.run(_SECONDS)
    identifiers = {message.name: message.frame_id for message in rig.database.messages}
    sent = [
        each
        for each in rig.run(_SECONDS)
        if any(
            identifiers[each.name] & mask == identifier & mask
            for identifier, mask, _ in filters.get(each.bus, ())
        )
    ]
    return len(sent) / _SECONDS
