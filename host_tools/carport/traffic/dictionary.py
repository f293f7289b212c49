"""What frames are called and what they say, by a car's profile."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import can
from cantools.database.errors import Error
from cantools.database.namedsignalvalue import NamedSignalValue

from carport.errors import UsageError
from carport.profile import Profile, signals
from carport.profile.model import Message
from gateway.can.signal import put_raw

Value = str | int | float

_NEAR = 0.5


@dataclass(frozen=True)
class Reading:
    """What a frame says: its name, its signals with their units, or why they cannot be read."""

    name: str
    signals: Mapping[str, tuple[Value, str | None]]
    problem: str | None = None


class Dictionary:
    """Names for the frames of a car.

    channels: what the car's buses are called, in the profile's order; empty where that is not
    known, and every frame is then looked for on all of them.
    """

    def __init__(self, profile: Profile | None, channels: Sequence[str] = ()) -> None:
        self.profile = profile
        self._buses = {name: index for index, name in enumerate(channels)}
        self._protections = profile.protections if profile else {}
        self._by_id: dict[tuple[int, bool], list[Message]] = {}
        for message in profile.messages.values() if profile else ():
            key = message.definition.frame_id, message.definition.is_extended_frame
            self._by_id.setdefault(key, []).append(message)

    def find(self, frame: can.Message) -> Message | None:
        """Return the message of a frame: its channel's own, else one of another bus."""
        found = self._by_id.get((frame.arbitration_id, frame.is_extended_id), [])
        bus = self._buses.get(str(frame.channel))
        return next((each for each in found if each.bus == bus), found[0] if found else None)

    def read(self, frame: can.Message) -> Reading | None:
        """Return what a frame says, None if nobody knows."""
        message = self.find(frame)
        if message is None or frame.is_error_frame or frame.is_remote_frame:
            return None
        definition = message.definition
        try:
            decoded = definition.decode(bytes(frame.data))
        except Error as error:
            return Reading(message.name, {}, str(error).rstrip("."))
        units = {signal.name: signal.unit for signal in definition.signals}
        assert isinstance(decoded, dict)  # only container messages decode to anything else
        return Reading(
            message.name,
            {name: (_plain(value), units[name] or None) for name, value in decoded.items()},
        )

    def content(self, frame: can.Message) -> bytes:
        """Return a frame's bytes without its checksum and counter, which change with each."""
        message = self.find(frame)
        protection = self._protections.get(message.name) if message else None
        content = bytearray(frame.data)
        for signal in (protection.checksum, protection.counter) if protection else ():
            if signal is not None and message and len(content) == message.definition.length:
                put_raw(content, signals.place(signal), 0)
        return bytes(content)

    def message(self, name: str) -> Message:
        """Return the message of this name.

        Raises:
            UsageError: there is none.
        """
        if self.profile is None:
            raise UsageError(f"{name} means nothing without a car: name one with --car")
        messages = self.profile.messages
        if name not in messages:
            raise unknown(f"{self.profile.name} has no message {name}", name, messages)
        return messages[name]


def unknown(text: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error that says text, and which known name is meant, or all of them."""
    names = list(known)
    lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), lower, 1, _NEAR)
    hint = f"did you mean {lower[near[0]]}?" if near else f"it has {', '.join(names)}"
    return UsageError(f"{text}: {hint}")


def _plain(value: object) -> Value:
    if isinstance(value, NamedSignalValue):
        return str(value)
    return value if isinstance(value, str | int | float) else float(str(value))
