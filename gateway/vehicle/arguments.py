"""The arguments of a command: checked against the profile, and turned into signals and conditions.

An argument is a choice (`values`, such as true and false) or a number within a range, in steps. It
is carried by one signal, and confirmed by one leaf of the car's state.
"""

from gateway.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROUNDING_STEPS = 0.001  # a tenth is no binary number


def translate(
    spec: "dict[str, Any]", arguments: "dict[str, Any]"
) -> "tuple[dict[int, int], list[list[Any]]]":
    """Return ({place: raw value}, conditions that confirm) of a command with these arguments.

    Raises:
        CommandError: an argument missing, unknown, of another type, out of range or between steps.
    """
    known = spec["arguments"]
    raw_values = dict(spec["values"])
    conditions = list(spec["confirm"])
    if known and not arguments:
        raise CommandError("name what to change: " + ", ".join(sorted(known)))
    for name in arguments:
        if name not in known:
            raise CommandError("no argument " + str(name))
        argument = known[name]
        raw_values[argument["place"]] = raw_value(name, argument, arguments[name])
        conditions.append([argument["leaf"], "equals", arguments[name]])
    return raw_values, conditions


def raw_value(name: str, argument: "dict[str, Any]", value: "Any") -> int:
    """Return the raw signal value that asks for `value`.

    Raises:
        CommandError: the profile does not allow it.
    """
    choices = argument.get("values")
    if choices:
        for choice, raw in choices:
            if type(choice) is type(value) and choice == value:
                return int(raw)
        raise CommandError(name + " is one of " + ", ".join([_word(pair[0]) for pair in choices]))
    if type(value) is not int and type(value) is not float:
        raise CommandError(name + " is a number")
    low = argument["minimum"]
    high = argument["maximum"]
    if not low <= value <= high:  # which a NaN is not either
        raise CommandError(f"{name} is from {low} to {high}")
    steps = (value - low) / argument["step"]
    if abs(steps - round(steps)) > _ROUNDING_STEPS:
        raise CommandError("{} goes in steps of {}".format(name, argument["step"]))
    nearest: int = round((value - argument["offset"]) / argument["scale"])
    return nearest


def unavailable_reason(spec: "dict[str, Any]", arguments: "dict[str, Any]") -> "str | None":
    """Return why this car cannot do what is asked, None if it can."""
    unavailable = spec["unavailable"]
    if type(unavailable) is str:
        return unavailable
    for name in arguments:
        if name in unavailable:
            return name + ": " + str(unavailable[name])
    return None


def are_always_allowed(spec: "dict[str, Any]", arguments: "dict[str, Any]") -> bool:
    """Tell whether a command asks only for what needs no interlock, such as switching off."""
    allowed = spec["always_allowed"]
    for name in arguments:
        if name not in allowed or allowed[name] != arguments[name]:
            return False
    return len(arguments) > 0


def _word(choice: object) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)
