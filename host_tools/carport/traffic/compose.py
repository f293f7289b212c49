"""Frames to be sent: from candump's notation, or from a message's name and its signals.

A signal that is not named asks for nothing: it is NoRequest, else the DBC's start value, else its
bits are 0. What protects the message is filled in, frame by frame, unless it is named.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import can
from cantools.database.can import Signal
from cantools.database.errors import Error

from carport.errors import UsageError
from carport.hub.frame import DATA_MAX
from carport.profile import signals
from carport.profile.commands import idle_raw
from carport.profile.model import Message, Protection
from carport.traffic.dictionary import Dictionary, unknown
from carport.traffic.selection import parse_id
from gateway.can.protection import make_protection

Compose = Callable[[], can.Message]
"""Returns the next frame to be sent."""

_BYTES = re.compile(r"(?:[0-9a-fA-F]{2}(?:\.(?!$))?)*")


def compose(what: str, assignments: Sequence[str], dictionary: Dictionary) -> Compose:
    """Return what makes the frames: `ID#BYTES` alone, or a name and `SIGNAL=VALUE`s.

    Raises:
        UsageError: it is no frame of classic CAN, or the profile does not know it.
    """
    if "#" not in what:
        return _compose_message(dictionary, what, assignments)
    if assignments:
        raise UsageError(f"{what} is a whole frame: it takes no {assignments[0]}")
    frame = parse_frame(what)
    return lambda: frame


def parse_frame(text: str) -> can.Message:
    """Return the frame of candump's notation, such as 123#1122 or 18FEF100#11.22.

    Raises:
        UsageError: it is none, or a remote frame or one of CAN FD.
    """
    digits, _, data = text.partition("#")
    arbitration_id, is_extended_id = parse_id(digits)
    if data.startswith("#") or data[:1] in ("R", "r"):
        raise UsageError(f"{text} is a CAN FD or remote frame: only data frames can be sent")
    if not _BYTES.fullmatch(data):
        raise UsageError(f"{text} has no whole bytes: give two hexadecimal digits for each")
    payload = bytes.fromhex(data.replace(".", ""))
    if len(payload) > DATA_MAX:
        raise UsageError(f"{text} has {len(payload)} bytes: a frame has at most {DATA_MAX}")
    return can.Message(arbitration_id=arbitration_id, is_extended_id=is_extended_id, data=payload)


def _compose_message(dictionary: Dictionary, name: str, assignments: Sequence[str]) -> Compose:
    message = dictionary.message(name)
    assert dictionary.profile is not None
    protection = dictionary.profile.protections.get(name)
    named = _parse_assignments(message, assignments)
    defaults = {each.name: idle_raw(each) or 0 for each in message.definition.signals}
    raws: dict[str, float] = {**defaults, **named}
    _check_selected(message, raws, named)
    counter = protection.counter if protection else None
    if counter is not None and counter.name not in named:
        raws[counter.name] = random.randint(*signals.raw_limits(counter))

    def make() -> can.Message:
        data = bytearray(_encode(message, raws))
        if protection is not None:
            _protect(message, protection, data, named)
        if counter is not None:
            lowest, highest = signals.raw_limits(counter)
            raws[counter.name] = (
                lowest if raws[counter.name] >= highest else raws[counter.name] + 1
            )
        return can.Message(
            arbitration_id=message.definition.frame_id,
            is_extended_id=message.definition.is_extended_frame,
            data=data,
        )

    return make


def _parse_assignments(message: Message, assignments: Sequence[str]) -> dict[str, float]:
    named: dict[str, float] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not text:
            raise UsageError(f"{assignment} is not SIGNAL=VALUE: see `carport can send --help`")
        signal = message.signal(name)
        if signal is None:
            known = [each.name for each in message.definition.signals]
            raise unknown(f"{message.name} has no signal {name}", name, known)
        if name in named:
            raise UsageError(f"{name} is given twice: leave one out")
        named[name] = raw_value(signal, text)
    return named


def raw_value(signal: Signal, text: str) -> int | float:
    """Return the raw value of a signal for a name or a number as it is typed.

    Raises:
        UsageError: it is never so.
    """
    names = signals.names(signal)
    if text in names.values():
        return signals.named_raw(signal, text)
    try:
        number = Fraction(int(text, 0)) if text.lower().startswith("0x") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        if names:
            raise unknown(f"{signal.name} is never {text}", text, names.values()) from None
        raise UsageError(f"{signal.name} is a number, not {text}") from None
    raw = (number - signals.exact(signal.offset)) / signals.exact(signal.scale)
    if signal.is_float:
        return float(raw)
    lowest, highest = signals.raw_limits(signal)
    if raw not in names and not lowest <= raw <= highest:
        low, high = signals.scale(signal).limits()
        raise UsageError(
            f"{text} is outside {signal.name}'s {float(low):g} to {float(high):g}: "
            "to send it all the same, give the frame's bytes"
        )
    if raw.denominator != 1:
        raise UsageError(f"{text} is between the steps of {signal.name}, {signal.scale:g} each")
    return int(raw)


def _encode(message: Message, raws: Mapping[str, float]) -> bytes:
    try:
        return message.definition.encode(raws, scaling=False, strict=False)
    except (Error, KeyError, OverflowError) as error:
        raise UsageError(f"{message.name} cannot be sent so: {error}") from error


def _check_selected(
    message: Message, raws: Mapping[str, float], named: Mapping[str, float]
) -> None:
    """Check that what was named is in the frame, not in one with another multiplexer."""
    decoded = message.definition.decode(_encode(message, raws), decode_choices=False)
    for name in named:
        signal = message.signal(name)
        if name not in decoded and signal is not None:
            ids = " or ".join(str(each) for each in signal.multiplexer_ids or ())
            raise UsageError(
                f"{name} is not in this frame: give {signal.multiplexer_signal}={ids} too"
            )


def _protect(
    message: Message, protection: Protection, data: bytearray, named: Mapping[str, float]
) -> None:
    checksum = protection.checksum
    if checksum is not None and checksum.name not in named:
        row = [protection.kind, checksum.start // 8, protection.data_ids]
        filled = make_protection(row, message.definition.frame_id)
        assert filled is not None
        filled.fill(data)
