"""Loading a profile: profile.toml and the files it names, every reference in them checked."""

import re
import tomllib
from pathlib import Path
from typing import Any

from carport.profile.commands import Car, read_command, read_wake
from carport.profile.conditions import read_interlocks
from carport.profile.dbc import check_message, read_messages
from carport.profile.model import Bus, Leaf, Message, Profile, Protection
from carport.profile.source import ProfileError, Source, Table
from carport.profile.vss import read_leaves

ALGORITHM = "crc8-j1850-id"

_BITRATES = (125_000, 250_000, 500_000, 1_000_000)


def load(folder: Path) -> Profile:
    """Return the profile in a folder.

    Raises:
        ProfileError: something in it is wrong; the first thing found is told.
    """
    source = Source(folder / "profile.toml")
    table = Table(source, _parse(source))
    name = table.take("name", str)
    if name != folder.resolve().name:
        raise table.error(f"{name} is in the folder {folder.resolve().name}", "name")
    title = table.take("title", str)
    version = table.take_positive("version")
    buses, messages = _read_buses(table, folder)
    protection = _read_protection(table, messages)
    tables = table.take_named("commands", "commands")
    arguments = {
        command: one.take_named("arguments", f"commands.{command}.arguments")
        for command, one in tables.items()
    }
    wake_table = table.take_table("wake", "[wake]") if "wake" in table else None
    senders = [*tables.values(), *([wake_table] if wake_table else [])]
    sent = {str(sender.peek("message")) for sender in senders}
    leaves = read_leaves(folder / table.take("vss", str), messages, sent)
    by_path = {leaf.path: leaf for leaf in leaves}
    timeouts_ms = _read_timeouts(table, messages, leaves)
    interlocks = read_interlocks(table.take_named("interlocks", "interlocks"), by_path)
    table.finish()
    car = Car(messages, by_path, protection, interlocks)
    wake = read_wake(wake_table, car) if wake_table else None
    commands = {one: read_command(tables[one], arguments[one], car) for one in tables}
    profile = Profile(
        folder,
        name,
        title,
        version,
        buses,
        leaves,
        timeouts_ms,
        protection,
        wake,
        interlocks,
        commands,
    )
    for message in (*profile.received, *profile.transmitted):
        check_message(message, protection)
    return profile


def _parse(source: Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise ProfileError(source.file, line, f"is not TOML: {error}") from error


def _read_buses(table: Table, folder: Path) -> tuple[tuple[Bus, ...], dict[str, Message]]:
    """Return the buses, and the messages of their DBC files by name."""
    buses: list[Bus] = []
    messages: dict[str, Message] = {}
    for index, data in enumerate(table.take_list("buses", dict)):
        bus = table.child(data, *["[[buses]]"] * (index + 1))
        name = bus.take("name", str)
        bitrate = bus.take("bitrate", int)
        file = folder / bus.take("dbc", str)
        bus.finish()
        if name in [other.name for other in buses]:
            raise bus.error(f"bus {name} is there twice", "name")
        if bitrate not in _BITRATES:
            raise bus.error(f"no bitrate {bitrate}", "bitrate")
        for message in read_messages(file, index).values():
            if message.name in messages:
                other = messages[message.name].source.file.name
                text = f"{message.name} is in {other} too"
                raise message.source.error(text, message.name)
            messages[message.name] = message
        buses.append(Bus(name, bitrate))
    if not buses:
        raise table.error("buses is empty", "buses")
    return tuple(buses), messages


def _read_protection(table: Table, messages: dict[str, Message]) -> Protection | None:
    """Return how the frames that have a checksum and a counter are protected."""
    if "protection" not in table:
        return None
    protection = table.take_table("protection", "[protection]")
    algorithm = protection.take("algorithm", str)
    names = Protection(protection.take("checksum", str), protection.take("counter", str))
    protection.finish()
    if algorithm != ALGORITHM:
        raise protection.error(f"no algorithm {algorithm}: use {ALGORITHM}", "algorithm")
    for key, name in (("checksum", names.checksum), ("counter", names.counter)):
        if not any(message.signal(name) for message in messages.values()):
            raise protection.error(f"no message has a signal {name}", key)
    return names


def _read_timeouts(
    table: Table, messages: dict[str, Message], leaves: tuple[Leaf, ...]
) -> dict[str, int]:
    """Return after how many ms each message that is received is overdue."""
    timeouts = table.take_table("timeouts", "[timeouts]")
    received = {leaf.message.name: leaf for leaf in leaves}
    timeouts_ms = {}
    for name in timeouts.names():
        if name not in messages:
            raise timeouts.error(f"no DBC has a message {name}", name)
        if name not in received:
            raise timeouts.error(f"nothing is read from {name}", name)
        timeouts_ms[name] = timeouts.take_positive(name)
    for name, leaf in received.items():
        if name not in timeouts_ms:
            raise timeouts.error(f"{name}, which tells {leaf.path}, has no timeout")
    return timeouts_ms
