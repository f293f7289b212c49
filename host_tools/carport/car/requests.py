"""What may be asked of a running car: `{"do": ..., ...}` in, `{"ok": true, ...}` out.

    {"do": "set", "values": {NAME: VALUE, ...}}     all of it or nothing
    {"do": "names"}                                 every NAME
    {"do": "fault", "name": NAME, "place": PLACE}   see faults.py; a place may be left out
    {"do": "clear", "name": NAME}                   without a name: every fault
    {"do": "drive", "kph": 50, "seconds": 20}
    {"do": "brake"}                                 ends a drive
    {"do": "press", "seconds": 3}                   the board's button
    {"do": "state"}

What cannot be done gives `{"ok": false, "error": "one sentence"}`. A NAME is a VSS path, or one of
SETTINGS, which are about the world and the simulation. Setting a path touches the car as a hand
would, and so wakes it; a setting does not. `state` gives null where VSS has no word for what is,
such as Park as a gear; setting null, or what is so already, leaves it as it is, so a state can be
set again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from carport.car.car import Car
from carport.car.profile import CarError, SignalValue, VssName, VssValue
from carport.errors import CarportError

Press = Callable[[int], None]
"""Presses the board's button for so many milliseconds."""

SETTINGS = {
    "outside_temperature": (-40.0, 60.0),
    "sun": (0.0, 1200.0),
    "time_scale": (0.0, 1000.0),
    "sleep_after": (1.0, 86400.0),
}
"""The range of each: degrees Celsius; W/m2; how many times faster the cabin lives; seconds."""

_KPH = (1.0, 200.0)
_DRIVE_S = (2.0, 3600.0)
_PRESS_S = (0.05, 30.0)


def answer(car: Car, request: Mapping[str, Any], press: Press, now_s: float) -> dict[str, Any]:
    """Do what is asked, and return what came of it."""
    car.advance(now_s)
    try:
        return {"ok": True, **_do(car, request, press, now_s)}
    except CarportError as error:
        return {"ok": False, "error": str(error)}


def _do(car: Car, request: Mapping[str, Any], press: Press, now_s: float) -> dict[str, Any]:
    match request.get("do"):
        case "set":
            return {"set": _set(car, request.get("values"), now_s)}
        case "names":
            return {"names": [*SETTINGS, *_settable(car)]}
        case "fault":
            name, place = car.set_fault(str(request.get("name")), request.get("place"))
            return {"name": name, "place": place}
        case "clear":
            car.clear_faults(request.get("name"))
            return {"faults": _faults(car)}
        case "drive":
            kph = _number("kph", request.get("kph"), _KPH)
            seconds = _number("seconds", request.get("seconds"), _DRIVE_S)
            car.drivetrain.drive(kph, seconds, now_s)
            return {"kph": kph, "seconds": seconds}
        case "brake":
            car.drivetrain.brake(now_s)
            return {}
        case "press":
            seconds = _number("seconds", request.get("seconds"), _PRESS_S)
            press(round(1000 * seconds))
            return {"seconds": seconds}
        case "state":
            return _state(car)
    raise CarError(f"the car cannot {request.get('do')!r}")


def _set(car: Car, values: object, now_s: float) -> Mapping[str, Any]:
    if not isinstance(values, dict) or not values:
        raise CarError("name at least one thing to set, and its value")
    settable = _settable(car)
    current = _vss_values(car)
    settings: dict[str, float] = {}
    signals: dict[str, SignalValue] = {}
    for name, value in values.items():
        if name in SETTINGS:
            settings[name] = _number(name, value, SETTINGS[name])
        elif name in settable:
            if value is not None and value != current[name]:
                signals[settable[name].signal] = _signal_value(car, settable[name], value)
        elif name in car.profile.vss:
            raise CarError(f"{name} is the outcome of others: set what it follows from")
        else:
            raise CarError(f"{name} is unknown: `carport sim state` shows every name")
    for name, number in settings.items():
        _apply_setting(car, name, number)
    for signal, value in signals.items():
        car.ecus[car.profile.sender(signal)].set(signal, value, now_s)
    if values.keys() & settable.keys():
        car.touch(now_s)
    return values


def _settable(car: Car) -> dict[str, VssName]:
    computed = frozenset[str]().union(*(ecu.computed for ecu in car.ecus.values()))
    return {path: name for path, name in car.profile.vss.items() if name.signal not in computed}


def _signal_value(car: Car, name: VssName, value: object) -> SignalValue:
    wanted = name.to_signal(value)
    if isinstance(wanted, str):
        return wanted
    return _number(name.path, wanted, car.profile.limits(name.signal))


def _apply_setting(car: Car, name: str, number: float) -> None:
    match name:
        case "outside_temperature":
            car.world.outside_celsius = number
        case "sun":
            car.world.sun_w_per_m2 = number
        case "time_scale":
            car.world.time_scale = number
        case "sleep_after":
            car.sleep.sleep_after_s = number


def _number(name: str, value: object, allowed: tuple[float, float]) -> float:
    least, most = allowed
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise CarError(f"{name} takes a number from {least:g} to {most:g}, not {value}")
    return float(value)


def _state(car: Car) -> dict[str, Any]:
    return {
        "signals": _vss_values(car),
        "settings": {
            "outside_temperature": car.world.outside_celsius,
            "sun": car.world.sun_w_per_m2,
            "time_scale": car.world.time_scale,
            "sleep_after": car.sleep.sleep_after_s,
        },
        "is_awake": car.sleep.is_awake,
        "faults": _faults(car),
        "ignored_commands": {
            node: ecu.ignored_commands for node, ecu in car.ecus.items() if ecu.command is not None
        },
    }


def _vss_values(car: Car) -> dict[str, VssValue]:
    signals = {name: value for ecu in car.ecus.values() for name, value in ecu.signals().items()}
    return {path: name.from_signal(signals[name.signal]) for path, name in car.profile.vss.items()}


def _faults(car: Car) -> list[dict[str, str]]:
    return [{"name": name, "place": place} for name, place in sorted(car.faults)]
