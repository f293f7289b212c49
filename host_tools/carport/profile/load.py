"""Loading a profile: profile.toml and the files it names, every reference in them checked."""

import re
import tomllib
from pathlib import Path
from typing import Any

from carport.profile.commands import Car, read_command
from carport.profile.conditions import read_interlocks
from carport.profile.dbc import check_message, read_messages
from carport.profile.model import Bus, Leaf, Message, Profile
from carport.profile.protections import read_protections
from carport.profile.routes import check_routes, read_route, take_routes
from carport.profile.source import ProfileError, Source, Table
from carport.profile.vss import read_leaves
from carport.profile.wake import read_wake

_BITRATES = (125_000, 250_000, 500_000, 1_000_000)


def load(folder: Path) -> Profile:
    """Return the profile in a folder.

    What profile.toml does not have is taken from the file it names as its base, if any.

    Raises:
        ProfileError: something in it is wrong; the first thing found is told.
    """
    source = Source(folder / "profile.toml")
    table = Table(source, _parse(source))
    tables = [table, *_read_base(table, folder)]

    def holder(key: str) -> Table:
        return next((one for one in tables if key in one), table)

    name = table.take("name", str)
    if name != folder.resolve().name:
        raise table.error(f"{name} is in the folder {folder.resolve().name}", "name")
    title = table.take("title", str)
    version = table.take_positive("version")
    sources = holder("sources").take_list("sources", str, [])
    tried = holder("tried").take("tried", str, "nobody yet")
    buses, messages = _read_buses(holder("buses"), folder)
    route_tables = take_routes(holder("routes"))
    protections = read_protections(holder("protection"), messages)
    command_tables = holder("commands").take_named("commands", "commands")
    arguments = {
        command: one.take_named("arguments", f"commands.{command}.arguments")
        for command, one in command_tables.items()
    }
    wake_table = holder("wake").take_table("wake", "[wake]") if _has(tables, "wake") else None
    senders = [one.peek("message") for one in command_tables.values()]
    frames = wake_table.peek("frames") if wake_table else None
    for frame in frames if isinstance(frames, list) else []:
        senders.append(frame.get("message") if isinstance(frame, dict) else None)
    mappings = [folder / one for one in _take_files(holder("vss"), "vss")]
    leaves = read_leaves(mappings, messages, {str(sender) for sender in senders})
    by_path = {leaf.path: leaf for leaf in leaves}
    timeouts_ms = _read_timeouts(holder("timeouts"), messages, leaves)
    interlock_tables = holder("interlocks").take_named("interlocks", "interlocks")
    interlocks = read_interlocks(interlock_tables, by_path)
    for one in tables:
        one.finish()
    car = Car(messages, by_path, protections, interlocks)
    wake = read_wake(wake_table, car) if wake_table else None
    commands = {one: read_command(command_tables[one], arguments[one], car) for one in arguments}
    files = [one.source.file for one in tables] + mappings
    files += [message.source.file for message in messages.values()]
    profile = Profile(
        folder,
        tuple(dict.fromkeys(files)),
        name,
        title,
        version,
        tuple(sources),
        tried,
        buses,
        messages,
        leaves,
        timeouts_ms,
        protections,
        wake,
        interlocks,
        commands,
        tuple(read_route(one, buses) for one in route_tables),
    )
    check_routes(profile, route_tables)
    for message in (*profile.received, *profile.transmitted):
        check_message(message, protections.get(message.name))
    return profile


def _read_base(table: Table, folder: Path) -> list[Table]:
    """Return the table of the base without what this one has itself; nothing if it has no base."""
    if "base" not in table:
        return []
    source = Source(folder / table.take("base", str))
    data = _parse(source)
    return [Table(source, {key: value for key, value in data.items() if key not in table})]


def _has(tables: list[Table], key: str) -> bool:
    return any(key in table for table in tables)


def _take_files(table: Table, key: str) -> list[str]:
    """Take the name of a file, or a list of them."""
    if isinstance(table.peek(key), list):
        return table.take_list(key, str)
    return [table.take(key, str)]


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
        files = [folder / one for one in _take_files(bus, "dbc")]
        bus.finish()
        if name in [other.name for other in buses]:
            raise bus.error(f"bus {name} is there twice", "name")
        if bitrate not in _BITRATES:
            raise bus.error(f"no bitrate {bitrate}", "bitrate")
        for message in [one for file in files for one in read_messages(file, index).values()]:
            _check_new(message, messages)
            messages[message.name] = message
        buses.append(Bus(name, bitrate))
    if not buses:
        raise table.error("buses is empty", "buses")
    return tuple(buses), messages


def _check_new(message: Message, messages: dict[str, Message]) -> None:
    """Check that no message of another file has the name, or on the same bus the id, of this."""
    for other in messages.values():
        definition = message.definition
        known = other.definition
        text = f"is in {other.source.file.name} too"
        if message.name == other.name:
            raise message.source.error(f"{message.name} {text}", message.name)
        if (message.bus, definition.frame_id, definition.is_extended_frame) == (
            other.bus,
            known.frame_id,
            known.is_extended_frame,
        ):
            raise message.source.error(f"the id of {message.name} {text}", message.name)


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
