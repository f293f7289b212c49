"""Compiling a profile: what the device needs, in the form it uses it, as plain CBOR types.

    name, title   str
    version       int
    hash          str, changes whenever the profile or this compiler does
    buses         [[name, bitrate], ...]; a bus is an index into it everywhere
    filters       for each bus [[id, mask, flags], ...] for machine.CAN.set_filters: what is read
    received      [message, ...]; see gateway.can.received_message
    transmitted   [message, ...]; see gateway.can.transmitter; `transmit` is an index into it
    leaves        [leaf, ...] in the order of their paths; see gateway.vehicle.state
    wake          None or {"transmit", "values": {signal: raw}, "period_ms", "timeout_ms"}
    interlocks    {name: {"silent_allows": bool, "all": [condition, ...]}}
    commands      {name: {
                      "resource", "transmit", "values": {signal: raw}, "interlocks": [name, ...],
                      "always_allowed": {argument: value}, "limit": [argument, after_s] or None,
                      "period_ms", "count", "deadline_ms", "confirm_ms", "lifetime_ms",
                      "confirm": [condition, ...],
                      "arguments": {argument: {
                          "signal", "leaf", "values": [[value, raw], ...] or None,
                          "minimum", "maximum", "step", "scale", "offset"}}}}

A condition is [leaf, "equals" or "above" or "below", value]. The rows are

    received      [bus, id, is extended, length, timeout_ms, checksum, counter, counter's maximum,
                   multiplexor's pieces or None]
    transmitted   [bus, id, is extended, idle payload, checksum, counter, counter's maximum,
                   {signal: [pieces, lowest raw, highest raw]}]
    leaf          [path, unit or None, received message, multiplexor's value or None, pieces,
                   sign bit or 0, meaning]

with the checksum's byte or -1 and the counter's pieces or None (pieces: see gateway.can.signal).
The meaning is None for a bool of one bit, {raw: value} for a mapping, and for a number

    [lowest raw, highest raw, [raw, ...] that are no numbers, numerator, offset, denominator]
    value = (raw * numerator + offset) / denominator, undivided and an int if that is 0
"""

import hashlib
from pathlib import Path
from typing import Any

from cantools.database.can import Signal

from carport.profile import signals
from carport.profile.commands import idle_raw
from carport.profile.load import load
from carport.profile.model import Argument, Command, Condition, Leaf, Message, Profile
from gateway.can.signal import put_raw

FLAG_EXT_ID = 2  # machine.CAN's

_INTEGER_TYPES = ("int", "uint")


def compile_profile(folder: Path) -> dict[str, Any]:
    """Return the profile in a folder, checked, as the gateway reads it.

    Raises:
        ProfileError: something in it is wrong.
    """
    profile = load(folder)
    received, transmitted = profile.received, profile.transmitted
    leaves = {leaf.path: index for index, leaf in enumerate(profile.leaves)}
    wake = profile.wake
    return {
        "name": profile.name,
        "title": profile.title,
        "version": profile.version,
        "hash": fingerprint(folder),
        "buses": [[bus.name, bus.bitrate] for bus in profile.buses],
        "filters": _filters(profile),
        "received": [_received(message, profile) for message in received],
        "transmitted": [_transmitted(message, profile) for message in transmitted],
        "leaves": [_leaf(leaf, received) for leaf in profile.leaves],
        "wake": wake
        and {
            "transmit": transmitted.index(wake.message),
            "values": wake.values,
            "period_ms": wake.period_ms,
            "timeout_ms": wake.timeout_ms,
        },
        "interlocks": {
            name: {
                "silent_allows": interlock.silent_allows,
                "all": _conditions(interlock.conditions, leaves),
            }
            for name, interlock in profile.interlocks.items()
        },
        "commands": {
            name: _command(command, transmitted, leaves)
            for name, command in profile.commands.items()
        },
    }


def fingerprint(folder: Path) -> str:
    """Return 16 hexadecimal digits that change with any file of a profile, or of this compiler."""
    digest = hashlib.sha256()
    for root, pattern in ((folder, "*.*"), (Path(__file__).parent, "*.py")):
        for file in sorted(filter(Path.is_file, root.glob(pattern))):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def _filters(profile: Profile) -> list[list[list[int]]]:
    filters: list[list[list[int]]] = [[] for _ in profile.buses]
    for message in profile.received:
        definition = message.definition
        mask, flags = (0x1FFFFFFF, FLAG_EXT_ID) if definition.is_extended_frame else (0x7FF, 0)
        filters[message.bus].append([definition.frame_id, mask, flags])
    return filters


def _received(message: Message, profile: Profile) -> list[Any]:
    multiplexors = [s for s in message.definition.signals if s.is_multiplexer]
    return [
        message.bus,
        message.definition.frame_id,
        message.definition.is_extended_frame,
        message.definition.length,
        profile.timeouts_ms[message.name],
        *_protection(message, profile),
        signals.pieces(multiplexors[0]) if multiplexors else None,
    ]


def _protection(message: Message, profile: Profile) -> tuple[int, bytes | None, int]:
    """Return (checksum's byte or -1, counter's pieces or None, counter's maximum)."""
    if profile.protection is None:
        return -1, None, 0
    checksum = message.signal(profile.protection.checksum)
    counter = message.signal(profile.protection.counter)
    return (
        signals.pieces(checksum)[0] if checksum else -1,
        signals.pieces(counter) if counter else None,
        signals.raw_limits(counter)[1] if counter else 0,
    )


def _transmitted(message: Message, profile: Profile) -> list[Any]:
    idle = bytearray(message.definition.length)
    settable = {}
    for signal in message.definition.signals:
        put_raw(idle, signals.pieces(signal), idle_raw(signal) or 0)
        if profile.protection is None or signal.name not in profile.protection.names:
            settable[signal.name] = [signals.pieces(signal), *signals.bit_limits(signal)]
    return [
        message.bus,
        message.definition.frame_id,
        message.definition.is_extended_frame,
        bytes(idle),
        *_protection(message, profile),
        settable,
    ]


def _leaf(leaf: Leaf, received: list[Message]) -> list[Any]:
    signal = leaf.signal
    return [
        leaf.path,
        leaf.unit,
        received.index(leaf.message),
        signal.multiplexer_ids[0] if signal.multiplexer_ids else None,
        signals.pieces(signal),
        1 << signal.length - 1 if signal.is_signed else 0,
        _meaning(leaf, signal),
    ]


def _meaning(leaf: Leaf, signal: Signal) -> dict[int, Any] | list[Any] | None:
    if leaf.mapping is not None:
        return dict(leaf.mapping)
    if leaf.datatype == "boolean":
        return None
    lowest, highest = signals.raw_limits(signal)
    named = [raw for raw in sorted(signals.names(signal)) if lowest <= raw <= highest]
    numerator, offset, denominator = signals.fraction(signal)
    is_whole = leaf.datatype.startswith(_INTEGER_TYPES)
    return [lowest, highest, named, numerator, offset, 0 if is_whole else denominator]


def _conditions(conditions: tuple[Condition, ...], leaves: dict[str, int]) -> list[list[Any]]:
    return [[leaves[one.path], one.operation, one.value] for one in conditions]


def _command(
    command: Command, transmitted: list[Message], leaves: dict[str, int]
) -> dict[str, Any]:
    return {
        "resource": command.resource,
        "transmit": transmitted.index(command.message),
        "values": command.values,
        "interlocks": list(command.interlocks),
        "always_allowed": command.always_allowed,
        "limit": list(command.limit) if command.limit else None,
        "period_ms": command.period_ms,
        "count": command.count,
        "deadline_ms": command.deadline_ms,
        "confirm_ms": command.confirm_ms,
        "lifetime_ms": command.lifetime_ms,
        "confirm": _conditions(command.confirm, leaves),
        "arguments": {
            name: _argument(argument, leaves) for name, argument in command.arguments.items()
        },
    }


def _argument(argument: Argument, leaves: dict[str, int]) -> dict[str, Any]:
    values = argument.values
    return {
        "signal": argument.signal.name,
        "leaf": leaves[argument.path],
        "values": None if values is None else [list(pair) for pair in values],
        "minimum": argument.minimum,
        "maximum": argument.maximum,
        "step": argument.step,
        "scale": argument.signal.scale,
        "offset": argument.signal.offset,
    }
