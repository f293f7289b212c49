"""The routes between the buses of a bench: `[[routes]]`. The profile of a real car has none.

from, to        the names of two buses
id              of the frames that cross
mask            which bits of the id count; all of them if left out
extended        whether the id has 29 bits; false if left out
length          the bytes of data that each frame has
rate_hz, burst  how often each id may cross in the long run, and how many frames at once
"""

from typing import Any

from carport.profile.model import Bus, Message, Profile, Route
from carport.profile.source import Table
from gateway.can.route import OWN_BUCKETS, buckets_of
from gateway.can.router import FLAG_EXT_ID

_MAX_LENGTH = 8
_MAX_RATE_HZ = 10_000  # more than any bus carries
_MAX_WAITING = 64


def take_routes(table: Table) -> list[Table]:
    """Take the tables of the routes, an empty list if there are none."""
    routes = table.take_list("routes", dict, [])
    return [table.child(data, *["[[routes]]"] * (index + 1)) for index, data in enumerate(routes)]


def read_route(table: Table, buses: tuple[Bus, ...]) -> Route:
    """Return a route.

    Raises:
        ProfileError: it names a bus that is not there, or what no frame can be.
    """
    source = _take_bus(table, "from", buses)
    destination = _take_bus(table, "to", buses)
    if source == destination:
        raise table.error("a route leads to another bus", "to")
    is_extended_id = table.take("extended", bool, False)
    all_bits = 0x1FFFFFFF if is_extended_id else 0x7FF
    arbitration_id = table.take("id", int)
    if not 0 <= arbitration_id <= all_bits:
        raise table.error(f"id {arbitration_id:#x} is not in 0..{all_bits:#x}", "id")
    mask = table.take("mask", int, all_bits)
    if not 0 <= mask <= all_bits:
        raise table.error(f"mask {mask:#x} is not in 0..{all_bits:#x}", "mask")
    if arbitration_id & ~mask:
        raise table.error(f"id {arbitration_id:#x} has bits that mask {mask:#x} ignores", "mask")
    length = table.take("length", int)
    if not 0 <= length <= _MAX_LENGTH:
        raise table.error(f"length {length} is not in 0..{_MAX_LENGTH}", "length")
    rate_hz = table.take_positive("rate_hz")
    if rate_hz > _MAX_RATE_HZ:
        raise table.error(f"rate_hz {rate_hz} is more than {_MAX_RATE_HZ}", "rate_hz")
    burst = table.take_positive("burst")
    table.finish()
    return Route(source, destination, arbitration_id, mask, is_extended_id, length, rate_hz, burst)


def check_routes(profile: Profile, tables: list[Table]) -> None:
    """Check the routes, read from these tables, beside each other and the gateway's own frames.

    Raises:
        ProfileError: an id would have two routes or two senders, or bursts would not find room.
    """
    waiting = [0 for _ in profile.buses]
    for index, (route, table) in enumerate(zip(profile.routes, tables, strict=True)):
        for message in profile.transmitted:
            if _is_exactly(route, message):
                raise table.error(f"{message.name} is the gateway's own: it never crosses", "id")
        for other in profile.routes[:index]:
            if not _have_common_ids(route, other):
                continue
            if (route.source, route.destination) == (other.source, other.destination):
                raise table.error("an earlier route lets the same ids through", "id")
            if (route.source, route.destination) == (other.destination, other.source):
                raise table.error("an earlier route lets the same ids through, back", "id")
        waiting[route.destination] += route.burst * buckets_of(route.mask, route.is_extended_id)
        if waiting[route.destination] > _MAX_WAITING:
            name = profile.buses[route.destination].name
            text = f"the bursts to {name} are more than {_MAX_WAITING} frames"
            raise table.error(f"{text}: {OWN_BUCKETS} ids of a mask count, and one more", "burst")


def compiled_routes(profile: Profile) -> list[list[Any]]:
    """Return the routes as the gateway reads them."""
    return [
        [
            route.source,
            route.destination,
            route.arbitration_id,
            route.mask,
            route.is_extended_id,
            route.length,
            route.rate_hz,
            route.burst,
        ]
        for route in profile.routes
    ]


def widen_filters(filters: list[list[list[int]]], profile: Profile) -> None:
    """Add to each bus's filters what its routes need to be received."""
    for route in profile.routes:
        flags = FLAG_EXT_ID if route.is_extended_id else 0
        needed = [route.arbitration_id, route.mask, flags]
        if needed not in filters[route.source]:
            filters[route.source].append(needed)


def _take_bus(table: Table, key: str, buses: tuple[Bus, ...]) -> int:
    name = table.take(key, str)
    names = [bus.name for bus in buses]
    if name not in names:
        raise table.error(f"no bus {name}", key)
    return names.index(name)


def _is_exactly(route: Route, message: Message) -> bool:
    """Tell whether a route lets nothing through but this message."""
    definition = message.definition
    return (
        buckets_of(route.mask, route.is_extended_id) == 1
        and route.arbitration_id == definition.frame_id
        and route.is_extended_id == definition.is_extended_frame
    )


def _have_common_ids(route: Route, other: Route) -> bool:
    common = route.mask & other.mask
    is_apart = (route.arbitration_id ^ other.arbitration_id) & common
    return route.is_extended_id == other.is_extended_id and not is_apart
