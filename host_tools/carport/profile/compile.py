"""Compiling a profile: what the device needs, in the form it uses it, as plain CBOR types.

    name, title   str
    version       int
    hash          str, changes whenever the profile or this compiler does
    buses         [[name, bitrate], ...]; a bus is an index into it everywhere
    filters       for each bus [[id, mask, flags], ...] for machine.CAN.set_filters: what is read
                  and what is routed
    received      [message, ...]; see gateway.can.received_message
    transmitted   [message, ...]; see gateway.can.transmitter; `transmit` is an index into it
    payloads      [[received message, multiplexor's value or None], ...]
    meanings      [meaning, ...]; each once
    leaves        [leaf, ...] in the order of their paths; see gateway.vehicle.state
    groups        {name: bytes}, what may be recorded: two bytes a leaf, its index and its
                  datatype's in gateway.data.schema.DATATYPES
    wake          None or {"frames": [[after_ms, transmit, {place: raw}], ...], "period_ms",
                  "timeout_ms", "stays": whether they go on until the command has ended}
    routes        [[from bus, to bus, id, mask, is extended, length, rate_hz, burst], ...];
                  see gateway.can.route
    interlocks    {name: {"silent_allows": bool, "all": [condition, ...]}}
    commands      {name: {
                      "resource", "transmit", "values": {place: raw}, "interlocks": [name, ...],
                      "always_allowed": {argument: value}, "limit": [argument, after_s] or None,
                      "follow_up": [argument, value, after_ms, {place: raw}] or None,
                      "period_ms", "count", "deadline_ms", "confirm_ms", "lifetime_ms",
                      "confirm": [condition, ...],
                      "unavailable": {argument: reason}, or the reason why there is no command,
                      "arguments": {argument: {
                          "place", "leaf", and "values": [[value, raw], ...]
                          or "minimum", "maximum", "step", "scale", "offset"}}}}

A condition is [leaf, "equals" or "above" or "below", value]. The rows are

    received      [bus, id, is extended, length, timeout_ms, protection, counter's place or None,
                   counter's maximum, multiplexor's place or None]
    transmitted   [bus, id, is extended, idle payload, protection, counter's place or None,
                   counter's maximum]
    leaf          [path, payload, place, meaning]

with places as gateway.can.signal has them, and a protection as gateway.can.protection has it, or
None. A meaning is the unit or None, and then

    nothing more                                for a bool of one bit
    {raw: value}, what any other means or None  for a mapping
    lowest raw, highest raw, [raw, ...] that are no numbers or None, numerator, offset, denominator
    value = (raw * numerator + offset) / denominator, undivided and an int if that is 0
"""

import hashlib
from pathlib import Path
from typing import Any

from carport.profile import signals
from carport.profile.commands import idle_raw
from carport.profile.groups import compiled_groups
from carport.profile.load import load
from carport.profile.model import (
    Argument,
    Command,
    Condition,
    FollowUp,
    Leaf,
    Message,
    Profile,
    Protection,
    Unavailable,
    Wake,
)
from carport.profile.routes import compiled_routes, widen_filters
from gateway.can.signal import put_raw

FLAG_EXT_ID = 2  # machine.CAN's

_INTEGER_TYPES = ("int", "uint")


def compile_profile(folder: Path) -> dict[str, Any]:
    """Return the profile in a folder, checked, as the gateway reads it.

    Raises:
        ProfileError: something in it is wrong.
    """
    return compiled(load(folder))


def compiled(profile: Profile) -> dict[str, Any]:
    """Return a checked profile as the gateway reads it."""
    received, transmitted = profile.received, profile.transmitted
    leaves = {leaf.path: index for index, leaf in enumerate(profile.leaves)}
    payloads: list[list[Any]] = []
    meanings: list[list[Any]] = []
    rows = [
        [
            leaf.path,
            _index_of(_payload(leaf, received), payloads),
            signals.place(leaf.signal),
            _index_of(_meaning(leaf), meanings),
        ]
        for leaf in profile.leaves
    ]
    return {
        "name": profile.name,
        "title": profile.title,
        "version": profile.version,
        "hash": fingerprint(profile),
        "buses": [[bus.name, bus.bitrate] for bus in profile.buses],
        "filters": _filters(profile),
        "received": [_received(message, profile) for message in received],
        "transmitted": [_transmitted(message, profile) for message in transmitted],
        "payloads": payloads,
        "meanings": meanings,
        "leaves": rows,
        "groups": compiled_groups(profile.leaves),
        "routes": compiled_routes(profile),
        "wake": profile.wake and _wake(profile.wake, transmitted),
        "interlocks": {
            name: {
                "silent_allows": interlock.silent_allows,
                "all": _conditions(interlock.conditions, leaves),
            }
            for name, interlock in profile.interlocks.items()
        },
        "commands": {
            name: _unavailable(command)
            if isinstance(command, Unavailable)
            else _command(command, transmitted, leaves)
            for name, command in profile.commands.items()
        },
    }


def fingerprint(profile: Profile) -> str:
    """Return 16 hexadecimal digits that change with any file of a profile, or of this compiler."""
    digest = hashlib.sha256()
    for file in (*profile.files, *sorted(Path(__file__).parent.glob("*.py"))):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _index_of(row: list[Any], rows: list[list[Any]]) -> int:
    """Return where an equal row is, of the same types; it is appended if there is none."""
    for index, known in enumerate(rows):
        if repr(known) == repr(row):
            return index
    rows.append(row)
    return len(rows) - 1


def _filters(profile: Profile) -> list[list[list[int]]]:
    filters: list[list[list[int]]] = [[] for _ in profile.buses]
    for message in profile.received:
        definition = message.definition
        mask, flags = (0x1FFFFFFF, FLAG_EXT_ID) if definition.is_extended_frame else (0x7FF, 0)
        filters[message.bus].append([definition.frame_id, mask, flags])
    widen_filters(filters, profile)
    return filters


def _received(message: Message, profile: Profile) -> list[Any]:
    multiplexors = [s for s in message.definition.signals if s.is_multiplexer]
    return [
        message.bus,
        message.definition.frame_id,
        message.definition.is_extended_frame,
        message.definition.length,
        profile.timeouts_ms[message.name],
        *_protection(profile.protections.get(message.name)),
        signals.place(multiplexors[0]) if multiplexors else None,
    ]


def _protection(protection: Protection | None) -> tuple[list[Any] | None, int | None, int]:
    """Return (protection's row or None, counter's place or None, counter's maximum)."""
    if protection is None:
        return None, None, 0
    checksum, counter = protection.checksum, protection.counter
    row = [protection.kind, checksum.start // 8, protection.data_ids] if checksum else None
    if counter is None:
        return row, None, 0
    return row, signals.place(counter), signals.raw_limits(counter)[1]


def _transmitted(message: Message, profile: Profile) -> list[Any]:
    idle = bytearray(message.definition.length)
    for signal in message.definition.signals:
        put_raw(idle, signals.place(signal), idle_raw(signal) or 0)
    return [
        message.bus,
        message.definition.frame_id,
        message.definition.is_extended_frame,
        bytes(idle),
        *_protection(profile.protections.get(message.name)),
    ]


def _payload(leaf: Leaf, received: list[Message]) -> list[Any]:
    multiplexed = leaf.signal.multiplexer_ids
    return [received.index(leaf.message), multiplexed[0] if multiplexed else None]


def _meaning(leaf: Leaf) -> list[Any]:
    if leaf.mapping is not None:
        return [leaf.unit, dict(leaf.mapping), leaf.default]
    if leaf.datatype == "boolean":
        return [leaf.unit]
    lowest, highest = signals.raw_limits(leaf.signal)
    named = [raw for raw in sorted(signals.names(leaf.signal)) if lowest <= raw <= highest]
    numerator, offset, denominator = leaf.scale.whole()
    is_whole = leaf.datatype.startswith(_INTEGER_TYPES)
    return [
        leaf.unit,
        lowest,
        highest,
        named or None,
        numerator,
        offset,
        0 if is_whole else denominator,
    ]


def _placed(values: dict[str, int], message: Message) -> dict[int, int]:
    """Return the raw values by place, for those by the names of signals."""
    return {
        signals.place(signal): values[signal.name]
        for signal in message.definition.signals
        if signal.name in values
    }


def _wake(wake: Wake, transmitted: list[Message]) -> dict[str, Any]:
    return {
        "frames": [
            [one.after_ms, transmitted.index(one.message), _placed(one.values, one.message)]
            for one in wake.frames
        ],
        "period_ms": wake.period_ms,
        "timeout_ms": wake.timeout_ms,
        "stays": wake.stays,
    }


def _conditions(conditions: tuple[Condition, ...], leaves: dict[str, int]) -> list[list[Any]]:
    return [[leaves[one.path], one.operation, one.value] for one in conditions]


def _command(
    command: Command, transmitted: list[Message], leaves: dict[str, int]
) -> dict[str, Any]:
    return {
        "resource": command.resource,
        "transmit": transmitted.index(command.message),
        "values": _placed(command.values, command.message),
        "interlocks": list(command.interlocks),
        "always_allowed": command.always_allowed,
        "limit": list(command.limit) if command.limit else None,
        "follow_up": command.follow_up and _follow_up(command.follow_up, command.message),
        "period_ms": command.period_ms,
        "count": command.count,
        "deadline_ms": command.deadline_ms,
        "confirm_ms": command.confirm_ms,
        "lifetime_ms": command.lifetime_ms,
        "confirm": _conditions(command.confirm, leaves),
        "unavailable": command.unavailable,
        "arguments": {
            name: _argument(argument, leaves) for name, argument in command.arguments.items()
        },
    }


def _follow_up(follow_up: FollowUp, message: Message) -> list[Any]:
    values = _placed(follow_up.values, message)
    return [follow_up.argument, follow_up.equals, follow_up.after_ms, values]


def _unavailable(command: Unavailable) -> dict[str, Any]:
    """Return a command that is refused before anything else of it is looked at."""
    return {
        "resource": command.resource,
        "transmit": None,
        "values": {},
        "interlocks": [],
        "always_allowed": {},
        "limit": None,
        "follow_up": None,
        "period_ms": 1,
        "count": 0,
        "deadline_ms": 1,
        "confirm_ms": 1,
        "lifetime_ms": 1,
        "confirm": [],
        "unavailable": command.reason,
        "arguments": {},
    }


def _argument(argument: Argument, leaves: dict[str, int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "place": signals.place(argument.signal),
        "leaf": leaves[argument.path],
    }
    if argument.values is not None:
        return {**row, "values": [list(pair) for pair in argument.values]}
    return {
        **row,
        "minimum": argument.minimum,
        "maximum": argument.maximum,
        "step": argument.step,
        "scale": argument.signal.scale,
        "offset": argument.signal.offset,
    }
