"""The commands of a profile: what may be asked of the car, and how it is asked."""

from dataclasses import dataclass
from typing import Any

from cantools.database.can import Signal

from carport.profile import signals
from carport.profile.conditions import read_conditions, take_leaf
from carport.profile.model import (
    Argument,
    Command,
    FollowUp,
    Interlock,
    Leaf,
    Message,
    Protection,
    Unavailable,
    Value,
)
from carport.profile.source import Table

RESOURCES = ("lock", "climate")

# What a signal's value is called that asks for nothing.
IDLE = "NoRequest"

_MAX_LIMIT_S = 24 * 3600


@dataclass(frozen=True)
class Car:
    """What commands may refer to, by name."""

    messages: dict[str, Message]
    leaves: dict[str, Leaf]
    protections: dict[str, Protection]
    interlocks: dict[str, Interlock]


def idle_raw(signal: Signal) -> int | None:
    """Return the raw value that asks for nothing: NoRequest, else the DBC's start value."""
    if IDLE in signals.names(signal).values():
        return signals.named_raw(signal, IDLE)
    return None if signal.raw_initial is None else int(signal.raw_initial)


def read_command(
    table: Table, argument_tables: dict[str, Table], car: Car
) -> Command | Unavailable:
    """Return a command, or why this car cannot be given it.

    Raises:
        ProfileError: it refers to what is not there, allows what cannot be, or is never confirmed.
    """
    resource = table.take("resource", str)
    if resource not in RESOURCES:
        raise table.error(f"no resource {resource}: use {' or '.join(RESOURCES)}", "resource")
    if "unavailable" in table:
        reason = table.take("unavailable", str)
        table.finish()
        return Unavailable(resource, reason)
    message = take_message(table, car)
    values = take_values(table, message, car)
    unavailable = _take_unavailable(argument_tables)
    arguments = {
        name: _read_argument(argument, message, car)
        for name, argument in argument_tables.items()
        if name not in unavailable
    }
    asked = [argument.signal.name for argument in arguments.values()]
    for name, argument in arguments.items():
        signal = argument.signal
        if signal.name in values or asked.count(signal.name) > 1:
            raise argument_tables[name].error(f"{signal.name} is set more than once", "signal")
        if len(arguments) > 1 and idle_raw(signal) is None:
            text = f"{signal.name} has no {IDLE}: it could not be left out"
            raise argument_tables[name].error(text, "signal")
    check_complete(table, message, {*values, *(asked if len(asked) == 1 else ())}, car)
    confirm = read_conditions(table, "confirm", table.take_list("confirm", dict, []), car.leaves)
    if not confirm and not arguments:
        raise table.error("nothing confirms this command: it needs confirm or arguments")
    if not values and not arguments:
        raise table.error("this command asks for nothing: it needs signals or arguments")
    always_allowed = _take_always_allowed(table, arguments)
    command = Command(
        resource,
        message,
        values,
        _take_interlocks(table, car),
        always_allowed,
        _take_limit(table, arguments, always_allowed),
        table.take_positive("period_ms"),
        table.take_positive("count"),
        table.take_positive("deadline_ms"),
        table.take_positive("confirm_ms"),
        table.take_positive("lifetime_ms"),
        confirm,
        arguments,
        unavailable,
        _take_follow_up(table, message, arguments, car),
    )
    table.finish()
    if _last_ms(command) >= command.confirm_ms:
        raise table.error("its last frame would be sent after confirm_ms", "confirm_ms")
    follow_up = command.follow_up
    if follow_up and _last_ms(command) + follow_up.after_ms >= command.confirm_ms:
        raise table.error("what follows would be sent after confirm_ms", "confirm_ms")
    if command.deadline_ms > command.lifetime_ms:
        raise table.error("deadline_ms is more than lifetime_ms", "deadline_ms")
    return command


def _last_ms(command: Command) -> int:
    """Return when a command's last frame is sent, after its first."""
    return command.period_ms * (command.count - 1)


def take_message(table: Table, car: Car) -> Message:
    """Take the name of a message that can be sent."""
    name = table.take("message", str)
    if name not in car.messages:
        raise table.error(f"no DBC has a message {name}", "message")
    message = car.messages[name]
    if message.definition.is_multiplexed():
        raise table.error(f"{name} is multiplexed: it can be received, not sent", "message")
    return message


def take_values(table: Table, message: Message, car: Car) -> dict[str, int]:
    """Take the table of signals and the values they are sent with."""
    signals_table = table.take_table("signals")
    values = {}
    for name, value in signals_table.take_all().items():
        signal = _settable(signals_table, name, name, message, car)
        values[name] = signals_table.child({}, name).checked(signals.raw_value, signal, value)
    return values


def _settable(table: Table, word: str, name: str, message: Message, car: Car) -> Signal:
    """Return a message's signal that a command may set; word leads to its name in the table."""
    signal = message.signal(name)
    if signal is None:
        raise table.error(f"{message.name} has no signal {name}", word)
    if message.name in car.protections and name in car.protections[message.name].names:
        raise table.error(f"{name} is filled in by the gateway", word)
    return signal


def check_complete(table: Table, message: Message, named: set[str], car: Car) -> None:
    """Check that every signal of a message that is sent has a value to start from."""
    if message.name in car.protections:
        named = named.union(car.protections[message.name].names)
    for signal in message.definition.signals:
        if signal.name not in named and idle_raw(signal) is None:
            text = f"{signal.name} has neither {IDLE} nor a start value in the DBC"
            raise table.error(f"{text}: name it in signals", "message")


def _take_interlocks(table: Table, car: Car) -> tuple[str, ...]:
    names = table.take_list("interlocks", str, [])
    for name in names:
        if name not in car.interlocks:
            raise table.error(f"no interlock {name}", "interlocks", name)
        if names.count(name) > 1:
            raise table.error(f"interlock {name} is there twice", "interlocks", name)
    return tuple(names)


def _read_argument(table: Table, message: Message, car: Car) -> Argument:
    signal = _settable(table, "signal", table.take("signal", str), message, car)
    leaf = take_leaf(table, car.leaves)
    if "values" in table:
        argument = _read_choices(table, signal, leaf)
    else:
        argument = _read_range(table, signal, leaf)
    table.finish()
    return argument


def _read_choices(table: Table, signal: Signal, leaf: Leaf) -> Argument:
    pairs: list[tuple[Value, int]] = []
    for key, wanted in table.take("values", dict).items():
        entry = table.child({}, "values", key)
        value = _parse(key, leaf)
        entry.checked(leaf.check_can_equal, value)
        raw = entry.checked(signals.raw_value, signal, wanted)
        if raw == idle_raw(signal):
            raise entry.error(f"{wanted!r} asks for nothing")
        if raw in [other for _, other in pairs]:
            raise entry.error(f"{wanted!r} is there twice")
        pairs.append((value, raw))
    if not pairs:
        raise table.error("values is empty", "values")
    return Argument(signal, leaf.path, tuple(pairs), None, None, None)


def _parse(key: str, leaf: Leaf) -> Value:
    """Return the value that a key of a TOML table, which is always a text, means for a leaf."""
    if leaf.datatype == "string":
        return key
    if leaf.datatype == "boolean":
        return {"true": True, "false": False}.get(key, key)
    for kind in (int, float):
        try:
            return kind(key)
        except ValueError:
            continue
    return key


def _read_range(table: Table, signal: Signal, leaf: Leaf) -> Argument:
    minimum = table.take_number("minimum")
    maximum = table.take_number("maximum")
    step = table.take_number("step")
    if leaf.mapping is not None or leaf.datatype == "boolean":
        raise table.error(f"{leaf.path} is not a number: it needs values", "minimum")
    if step <= 0:
        raise table.error(f"step is {step}: it must be above zero", "step")
    span = signals.exact(maximum) - signals.exact(minimum)
    if span <= 0:
        raise table.error("maximum is not above minimum", "maximum")
    steps = span / signals.exact(step)
    if steps.denominator != 1:
        raise table.error(f"{maximum} is no whole number of steps above {minimum}", "step")
    for target in (signals.scale(signal), leaf.scale):
        table.child({}, "minimum").checked(target.to_raw, minimum)
        table.child({}, "maximum").checked(target.to_raw, maximum)
        if (signals.exact(step) / target.factor).denominator != 1:
            raise table.error(f"{target.signal.name} has no steps of {step}", "step")
        _check_no_name(table, target, minimum, maximum, step)
    return Argument(signal, leaf.path, None, minimum, maximum, step)


def _check_no_name(
    table: Table,
    scale: signals.Scale,
    minimum: signals.Number,
    maximum: signals.Number,
    step: signals.Number,
) -> None:
    """Check that no number that may be asked for is one that the DBC has a name for."""
    for raw, name in signals.names(scale.signal).items():
        number = scale.value(raw)
        steps = (number - signals.exact(minimum)) / signals.exact(step)
        if steps.denominator == 1 and signals.exact(minimum) <= number <= signals.exact(maximum):
            text = f"{float(number):g} is called {name!r} in {scale.signal.name}"
            raise table.error(text, "minimum")


def _take_always_allowed(table: Table, arguments: dict[str, Argument]) -> dict[str, Value]:
    allowed_table = table.take_table("always_allowed")
    allowed: dict[str, Any] = allowed_table.take_all()
    for name, value in allowed.items():
        if name not in arguments:
            raise allowed_table.error(f"no argument {name}", name)
        if not _accepts(arguments[name], value):
            raise allowed_table.error(f"{name} is never {value!r}", name)
    return allowed


def _accepts(argument: Argument, value: Any) -> bool:
    """Tell whether a command may have this value of an argument."""
    if argument.values is not None:
        return any(type(value) is type(one) and value == one for one, _ in argument.values)
    if type(value) not in (int, float):
        return False
    assert argument.minimum is not None
    assert argument.maximum is not None
    assert argument.step is not None
    steps = (signals.exact(value) - signals.exact(argument.minimum)) / signals.exact(argument.step)
    return argument.minimum <= value <= argument.maximum and steps.denominator == 1


def _take_limit(
    table: Table, arguments: dict[str, Argument], always_allowed: dict[str, Value]
) -> tuple[str, int] | None:
    """Take the argument that the gateway switches off by itself, and after how many seconds."""
    if "limit" not in table:
        return None
    limit = table.take_table("limit")
    name = limit.take("argument", str)
    after_s = limit.take_positive("after_s")
    limit.finish()
    if name not in arguments:
        raise limit.error(f"no argument {name}", "argument")
    if always_allowed.get(name) is not False:
        raise limit.error(f"{name} = false is not always allowed", "argument")
    if after_s > _MAX_LIMIT_S:
        raise limit.error(f"{after_s} s is more than a day", "after_s")
    return name, after_s


def _take_unavailable(argument_tables: dict[str, Table]) -> dict[str, str]:
    """Take the arguments that this car does not have, and why."""
    reasons = {}
    for name, table in argument_tables.items():
        if "unavailable" in table:
            reasons[name] = table.take("unavailable", str)
            table.finish()
    return reasons


def _take_follow_up(
    table: Table, message: Message, arguments: dict[str, Argument], car: Car
) -> FollowUp | None:
    """Take what is sent after the frames of a command that has a certain argument."""
    if "follow_up" not in table:
        return None
    follow_up = table.take_table("follow_up")
    name = follow_up.take("argument", str)
    equals = follow_up.take_any("equals")
    after_ms = follow_up.take_positive("after_ms")
    values = take_values(follow_up, message, car)
    follow_up.finish()
    if name not in arguments:
        raise follow_up.error(f"no argument {name}", "argument")
    if not _accepts(arguments[name], equals):
        raise follow_up.error(f"{name} is never {equals!r}", "equals")
    if not values:
        raise follow_up.error("it asks for nothing: it needs signals", "after_ms")
    return FollowUp(name, equals, after_ms, values)
