"""A profile as cantools, tomllib and json read it: makes frames, and tells what they mean.

It shares no code with the compiler or the device.
"""

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import cantools
from cantools.database.can import Database, Message
from cantools.database.namedsignalvalue import NamedSignalValue

from tests.differential.frames import checksum, protected

Frame = tuple[int, int, bool, bytes]


class Oracle:
    """Random frames of a profile's messages, and what the car's state is after each."""

    def __init__(self, folder: Path, seed: int) -> None:
        files = tomllib.loads((folder / "profile.toml").read_text())
        if "base" in files:
            files = {**tomllib.loads((folder / files["base"]).read_text()), **files}
        self.vss: dict[str, Any] = {}
        for name in listed(files["vss"]):
            self.vss |= json.loads((folder / name).read_text())
        self.random = random.Random(seed)
        self.is_reference = folder.name == "reference"
        self.messages: list[tuple[int, Message]] = []
        self.paths: dict[str, list[str]] = {}
        sent = {frame["message"] for frame in files.get("wake", {}).get("frames", [])}
        sent |= {command.get("message") for command in files["commands"].values()}
        for bus, entry in enumerate(files["buses"]):
            for name in listed(entry["dbc"]):
                database = cantools.database.load_file(folder / name)
                assert isinstance(database, Database)
                for message in database.messages:
                    self._add(bus, message, sent)
        self.counters = dict.fromkeys(self.paths, 0)
        self.told: dict[str, object] = {}

    def _add(self, bus: int, message: Message, sent: set[str]) -> None:
        names = {signal.name for signal in message.signals}
        read = [path for path in sorted(self.vss) if self._signal(path) in names]
        if read and message.name not in sent:
            self.messages.append((bus, message))
            self.paths[message.name] = read

    def _signal(self, path: str) -> str:
        return str(self.vss[path]["dbc2vss"]["signal"])

    def frame(self) -> tuple[Frame, Message]:
        """Return the next frame of a message, right in its counter and checksum only."""
        bus, message = self.random.choice(self.messages)
        data = bytearray(self.random.randbytes(message.length))
        for signal in message.signals:
            if signal.name.endswith("Counter"):
                count = self.counters[message.name]
                put_bits(data, signal, count)
                self.counters[message.name] = (count + 1) % (int(signal.maximum or 0) + 1)
            elif signal.is_multiplexer and self.random.random() < 0.9:
                put_bits(data, signal, self.random.choice(modes_of(message)))
        checked = self.checked(message, bytes(data))
        return (bus, message.frame_id, message.is_extended_frame, checked), message

    def checked(self, message: Message, data: bytes) -> bytes:
        """Return data with the checksum that the message has, if any."""
        arbitration_id = message.frame_id
        if self.is_reference:
            return protected(arbitration_id, data)
        result = bytearray(data)
        for signal in message.signals:
            place = signal.start // 8
            if signal.name.endswith("Checksum"):
                result[place] = 0
                result[place] = (arbitration_id + (arbitration_id >> 8) + sum(result)) & 0xFF
            elif signal.name == "CRC":
                result[place] = checksum(arbitration_id, bytes(result), place)
        return bytes(result)

    def tells(self, message: Message, data: bytes) -> dict[str, object]:
        """Return what the frames up to this one tell about each path of its message."""
        decoded = decode(message, data)
        for path in self.paths[message.name]:
            if self._signal(path) in decoded:  # else multiplexed, and not now
                self.told[path] = self.value(path, message, decoded)
        return {path: self.told.get(path) for path in self.paths[message.name]}

    def value(self, path: str, message: Message, decoded: dict[str, Any]) -> object:
        """Return what a path's signal tells, None if it has no meaning as a number."""
        transform = self.vss[path]["dbc2vss"].get("transform", {})
        signal = message.get_signal_by_name(self._signal(path))
        value = decoded[signal.name]
        if "mapping" in transform:
            mapping = {entry["from"]: entry["to"] for entry in transform["mapping"]}
            name = value.name if isinstance(value, NamedSignalValue) else value
            return mapping.get(name, transform.get("default"))
        if isinstance(value, NamedSignalValue):
            return None
        if signal.minimum is not None and value < signal.minimum - 1e-6:
            return None
        if signal.maximum is not None and value > signal.maximum + 1e-6:
            return None
        if "math" in transform:
            return float(eval(transform["math"], {"x": value}))
        datatype = self.vss[path]["datatype"]
        return bool(value) if datatype == "boolean" else value


def listed(names: str | list[str]) -> list[str]:
    """Return the names of files as a list."""
    return [names] if isinstance(names, str) else names


def modes_of(message: Message) -> list[int]:
    """Return the values of the multiplexor that the DBC knows."""
    known = [number for signal in message.signals for number in signal.multiplexer_ids or ()]
    return sorted(set(known))


def decode(message: Message, data: bytes) -> dict[str, Any]:
    """Return the signals of a frame; of one with an unknown multiplexor, those always there."""
    selectors = [signal for signal in message.signals if signal.is_multiplexer]
    if not selectors or get_bits(data, selectors[0]) in modes_of(message):
        return dict(message.decode(data))  # type: ignore[arg-type]
    known = bytearray(data)
    put_bits(known, selectors[0], modes_of(message)[0])
    decoded: Any = message.decode(bytes(known))
    always = {one.name: decoded[one.name] for one in message.signals if not one.multiplexer_ids}
    return {**always, selectors[0].name: get_bits(data, selectors[0])}


def get_bits(data: bytes, signal: Any) -> int:
    """Return the raw value of a signal that lies within one byte."""
    mask, lowest = bits_of(signal)
    raw: int = data[signal.start // 8] >> lowest & mask
    return raw


def put_bits(data: bytearray, signal: Any, value: int) -> None:
    """Write a signal that lies within one byte."""
    mask, lowest = bits_of(signal)
    byte = signal.start // 8
    data[byte] = data[byte] & ~(mask << lowest) | value << lowest


def bits_of(signal: Any) -> tuple[int, int]:
    """Return the mask of a signal that lies within one byte, and its lowest bit there."""
    lowest = signal.start % 8
    if signal.byte_order == "big_endian":
        lowest -= signal.length - 1
    return (1 << signal.length) - 1, lowest
