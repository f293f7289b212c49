"""The 12 V battery that an emulated board measures: a setting of the world beside the car's."""

from collections.abc import Callable, Mapping
from typing import Any

from carport.emulator.control import Handle

NAME = "supply_voltage"
VOLTS = 12.7
"""A battery at rest that is full."""

_RANGE_V = (6.0, 16.0)


class Supply:
    """Answers what carport/car/requests.py says, and knows one setting more: supply_voltage.

    handle: answers for the car. set_supply: is told of millivolts.
    """

    def __init__(self, handle: Handle, set_supply: Callable[[int], None]) -> None:
        self._handle = handle
        self._set_supply = set_supply
        self._volts = VOLTS

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request."""
        values = request.get("values")
        if request.get("do") == "set" and isinstance(values, dict) and NAME in values:
            return self._set(dict(request), values)
        answer = self._handle(dict(request))
        if request.get("do") == "names":
            answer["names"].append(NAME)
        elif request.get("do") == "state":
            answer["settings"][NAME] = self._volts
        return answer

    def _set(self, request: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        volts = values[NAME]
        low, high = _RANGE_V
        is_number = isinstance(volts, int | float) and not isinstance(volts, bool)
        if not is_number or not low <= volts <= high:
            error = f"{NAME} is a number from {low:g} to {high:g}, not {volts}"
            return {"ok": False, "error": error}
        others = {name: value for name, value in values.items() if name != NAME}
        answer = self._handle({**request, "values": others}) if others else {"ok": True, "set": {}}
        if answer["ok"]:
            self._volts = float(volts)
            self._set_supply(round(1000 * volts))
            answer["set"] = values
        return answer
