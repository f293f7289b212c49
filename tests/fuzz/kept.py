"""How much a gateway keeps: the length of every list, dict and set in its objects."""

from collections.abc import Iterator
from typing import Any


def kept(gateway: object) -> dict[str, int]:
    """Return {where: length} of all that the gateway's own objects hold."""
    seen: set[int] = set()
    return dict(_walk(gateway, "gateway", seen))


def _walk(thing: Any, where: str, seen: set[int]) -> Iterator[tuple[str, int]]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, list | dict | set):
        yield where, len(thing)
    elif type(thing).__module__.startswith("gateway."):
        for name in _attributes(thing):
            yield from _walk(getattr(thing, name), f"{where}.{name}", seen)


def _attributes(thing: Any) -> list[str]:
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*vars(thing), *slots] if hasattr(thing, "__dict__") else slots
