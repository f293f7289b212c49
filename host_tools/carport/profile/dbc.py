"""The DBC files of a profile: which messages there are, and whether they can be handled."""

import re
from pathlib import Path

import cantools
from cantools.database.can import Database, Signal
from cantools.database.errors import Error

from carport.profile import signals
from carport.profile.model import Message, Protection
from carport.profile.source import ProfileError, Source
from gateway.can.protection import E2E_2, E2E_5

# Where the checksum and the counter are: 8 and 4 bits, or 16 and 8.
_E2E_PLACES = {E2E_2: (8, 4 | 1 << 10), E2E_5: (16, 8 | 2 << 10)}


def read_messages(file: Path, bus: int) -> dict[str, Message]:
    """Return the messages of a DBC file, by name.

    Raises:
        ProfileError: it is no DBC, or two messages have the same name or id.
    """
    source = Source(file, encoding="cp1252")
    try:
        database = cantools.database.load_string(source.text, "dbc")
    except Error as error:
        text = " ".join(str(error).split())
        at_line = re.search(r"line (\d+)", text)
        in_message = re.search(r"message (\w+)", text)
        if at_line:
            raise ProfileError(file, int(at_line[1]), text) from error
        raise source.error(text, *(in_message.groups() if in_message else ())) from error
    assert isinstance(database, Database)
    messages: dict[str, Message] = {}
    ids: dict[tuple[bool, int], str] = {}
    for definition in database.messages:
        message = Message(bus, definition, source)
        other = ids.setdefault((definition.is_extended_frame, definition.frame_id), message.name)
        if message.name in messages:
            raise source.error(f"{message.name} is there twice", message.name, message.name)
        if other != message.name:
            raise source.error(f"{message.name} has the id of {other}", message.name)
        for signal in definition.signals:
            if signal.scale == 0:
                raise signal_error(message, signal, "has a scale of 0")
        messages[message.name] = message
    return messages


def check_message(message: Message, protection: Protection | None) -> None:
    """Check that the gateway can receive or send a message.

    Raises:
        ProfileError: it is a CAN FD message, or its checksum or counter cannot be handled.
    """
    definition = message.definition
    if definition.is_fd or definition.length > 8:
        raise message.source.error(f"{message.name} is longer than a CAN frame", message.name)
    if protection is None:
        return
    checksum, counter = protection.checksum, protection.counter
    if protection.kind in _E2E_PLACES:
        for signal, wanted in zip((checksum, counter), _E2E_PLACES[protection.kind], strict=True):
            assert signal is not None
            if signals.place(signal) != wanted:
                raise signal_error(message, signal, "is not where its E2E profile has it")
    elif checksum and (checksum.length != 8 or not signals.is_within_byte(checksum)):
        raise signal_error(message, checksum, "is a checksum, but not one byte")
    if counter and (counter.is_signed or not signals.is_within_byte(counter)):
        raise signal_error(message, counter, "is a counter, but not within one byte")
    if counter and (signals.raw_limits(counter)[0] != 0 or signals.raw_limits(counter)[1] < 1):
        raise signal_error(message, counter, "is a counter, but does not count from 0 up")


def signal_error(message: Message, signal: Signal, text: str) -> ProfileError:
    """Return the error that says text about a signal."""
    words = (message.name, signal.name)
    return message.source.error(f"{message.name}.{signal.name} {text}", *words)
