"""A profile as a person or a program wants to read it: plain types, with names for everything."""

from typing import Any

from carport.profile.compile import compiled
from carport.profile.model import Argument, Command, Condition, Message, Profile, Unavailable
from gateway.cbor import encode


def describe(profile: Profile) -> dict[str, Any]:
    """Return what a checked profile says of its car."""
    device = compiled(profile)
    return {
        "name": profile.name,
        "title": profile.title,
        "version": profile.version,
        "sources": list(profile.sources),
        "tried": profile.tried,
        "bytes": len(encode(device)),
        "buses": [
            {
                "name": bus.name,
                "bitrate": bus.bitrate,
                "received": [_message(one) for one in profile.received if one.bus == index],
                "sent": [_message(one) for one in profile.transmitted if one.bus == index],
                "filters": device["filters"][index],
            }
            for index, bus in enumerate(profile.buses)
        ],
        "signals": {
            leaf.path: {
                "unit": leaf.unit,
                "bus": profile.buses[leaf.message.bus].name,
                "message": leaf.message.name,
                "signal": leaf.signal.name,
                "timeout_ms": profile.timeouts_ms[leaf.message.name],
            }
            for leaf in profile.leaves
        },
        "commands": {name: _command(one) for name, one in profile.commands.items()},
        "interlocks": {
            name: {
                "silent_bus": "allows" if interlock.silent_allows else "refuses",
                "all": [_condition(one) for one in interlock.conditions],
            }
            for name, interlock in profile.interlocks.items()
        },
        "wake": profile.wake
        and [
            {"after_ms": frame.after_ms, **_message(frame.message)}
            for frame in profile.wake.frames
        ],
        "routes": [
            {
                "from": profile.buses[route.source].name,
                "to": profile.buses[route.destination].name,
                "id": route.arbitration_id,
                "mask": route.mask,
                "is_extended_id": route.is_extended_id,
                "length": route.length,
                "rate_hz": route.rate_hz,
                "burst": route.burst,
            }
            for route in profile.routes
        ],
    }


def _message(message: Message) -> dict[str, Any]:
    definition = message.definition
    return {
        "id": definition.frame_id,
        "is_extended_id": definition.is_extended_frame,
        "name": message.name,
    }


def _command(command: Command | Unavailable) -> dict[str, Any]:
    if isinstance(command, Unavailable):
        return {"resource": command.resource, "unavailable": command.reason}
    return {
        "resource": command.resource,
        "message": command.message.name,
        "interlocks": list(command.interlocks),
        "confirmed_by": [_condition(one) for one in command.confirm],
        "arguments": {name: _argument(one) for name, one in command.arguments.items()},
        "unavailable": command.unavailable,
    }


def _condition(condition: Condition) -> str:
    value = condition.value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{condition.path} {condition.operation} {text}"


def _argument(argument: Argument) -> dict[str, Any]:
    if argument.values is not None:
        return {"values": [value for value, _ in argument.values], "confirmed_by": argument.path}
    return {
        "minimum": argument.minimum,
        "maximum": argument.maximum,
        "step": argument.step,
        "confirmed_by": argument.path,
    }
