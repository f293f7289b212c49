"""What the reference car said on its bus, read by cantools and its VSS mapping alone."""

import json
from bisect import bisect_left
from functools import cache
from typing import Any

from tests.models.car import database
from tests.models.shell import PROFILES


@cache
def _mapping() -> dict[str, dict[str, Any]]:
    text = (PROFILES / "reference" / "vss.json").read_text(encoding="utf-8")
    mapping: dict[str, dict[str, Any]] = json.loads(text)
    return mapping


@cache
def _messages() -> dict[str, Any]:
    """Return the message of the car that has each signal."""
    return {
        signal.name: message
        for message in database().messages
        if not message.name.startswith("GW_")
        for signal in message.signals
    }


def unit_of(path: str) -> str | None:
    """Return the unit that the mapping gives a VSS path."""
    unit: str | None = _mapping()[path].get("unit")
    return unit


class BusLog:
    """Frames with their times, in whatever unit, in their order."""

    def __init__(self) -> None:
        self._frames: dict[int, tuple[list[float], list[bytes]]] = {}

    def add(self, time: float, arbitration_id: int, data: bytes) -> None:
        times, frames = self._frames.setdefault(arbitration_id, ([], []))
        times.append(time)
        frames.append(data)

    def last(self, path: str, before: float) -> Any:
        """Return what a VSS path was in its last frame before a time, None if there is none."""
        message, times = self._of(path)
        index = bisect_left(times, before) - 1
        return None if index < 0 else self._value(path, message, index)

    def between(self, path: str, begin: float, end: float) -> list[Any]:
        """Return the values of a VSS path in the frames from begin to end, and the one before."""
        message, times = self._of(path)
        first = max(0, bisect_left(times, begin) - 1)
        return [self._value(path, message, i) for i in range(first, bisect_left(times, end))]

    def _of(self, path: str) -> tuple[Any, list[float]]:
        message = _messages()[_mapping()[path]["dbc2vss"]["signal"]]
        return message, self._frames.get(message.frame_id, ([], []))[0]

    def _value(self, path: str, message: Any, index: int) -> Any:
        link = _mapping()[path]["dbc2vss"]
        data = self._frames[message.frame_id][1][index]
        choice = message.decode(data)[link["signal"]]
        number = message.decode(data, decode_choices=False)[link["signal"]]
        for entry in link.get("transform", {}).get("mapping", ()):
            if entry["from"] in (str(choice), number):
                return entry["to"]
        if "transform" in link:
            return None
        return bool(number) if _mapping()[path]["datatype"] == "boolean" else number
