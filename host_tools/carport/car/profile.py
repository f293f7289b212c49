"""What the car has in common with the gateway: the frames of the DBC, and their VSS names."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cantools.database.can import Database, Message
from cantools.database.namedsignalvalue import NamedSignalValue

from carport.car.protection import Protection, protection_of
from carport.errors import UsageError
from carport.profile.transform import Line, read_line

SignalValue = str | float
"""A signal's physical value, or the name that the DBC's value table gives it."""
VssValue = bool | float | str | None


class CarError(UsageError):
    """What was asked of the simulated car does not exist, or cannot be so."""


@dataclass(frozen=True)
class VssName:
    """A VSS path and the signal behind it; `names` pairs the DBC's names with VSS values."""

    path: str
    datatype: str
    signal: str
    names: tuple[tuple[SignalValue, VssValue], ...]
    default: VssValue
    line: Line

    def from_signal(self, value: SignalValue) -> VssValue:
        """Return the VSS value, None where VSS has no word for it."""
        if self.names:
            return dict(self.names).get(value, self.default)
        if isinstance(value, str):
            return None
        if self.datatype == "boolean":
            return bool(value)
        factor, offset = self.line
        told = float(value * factor + offset)
        return told if self.datatype == "float" else round(told)

    def to_signal(self, value: object) -> SignalValue:
        """Return the signal's value.

        Raises:
            CarError: the value is of another type, not one of those possible, or ambiguous.
        """
        is_boolean = isinstance(value, bool)
        if self.names:
            found = [
                name
                for name, each in self.names
                if each == value and isinstance(each, bool) == is_boolean
            ]
            if len(found) == 1:
                return found[0]
            if found:
                could_be = ", ".join(map(str, found))
                text = f"{self.path}={_text(value)} could be any of {could_be}"
                raise CarError(f"{text}: set the path that says which")
            possible = " or ".join(_text(each) for _, each in self.names)
            raise CarError(f"{self.path} takes {possible}, not {_text(value)}")
        if is_boolean != (self.datatype == "boolean") or not isinstance(value, int | float):
            wanted = "true or false" if self.datatype == "boolean" else "a number"
            raise CarError(f"{self.path} takes {wanted}, not {_text(value)}")
        factor, offset = self.line
        return int(value) if is_boolean else (value - float(offset)) / float(factor)


class Profile:
    """The DBC and the VSS mapping of a profile's folder."""

    def __init__(self, folder: Path) -> None:
        files = _read_toml(folder)
        self.name = str(files["name"])
        self._files = files
        self._database = Database()
        for bus in files["buses"]:
            for file in _listed(bus["dbc"]):
                self._database.add_dbc_file(folder / file, encoding="cp1252")
        database = self._database
        self._messages = {
            signal.name: message for message in database.messages for signal in message.signals
        }
        self.vss: dict[str, VssName] = {}
        for file in _listed(files["vss"]):
            mapping = json.loads((folder / file).read_text())
            self.vss |= {path: _vss_name(path, entry) for path, entry in mapping.items()}

    def message(self, name: str) -> Message:
        """Return the DBC's description of a message."""
        return self._database.get_message_by_name(name)

    def protection(self, name: str) -> Protection:
        """Return how a message's frames are protected."""
        return protection_of(self._files, name, self.message(name).frame_id)

    def limits(self, signal: str) -> tuple[float, float]:
        """Return the least and the greatest physical value of a signal."""
        described = self._messages[signal].get_signal_by_name(signal)
        assert described.minimum is not None
        assert described.maximum is not None
        return described.minimum, described.maximum

    def sender(self, signal: str) -> str:
        """Return the node that sends the signal."""
        return self._messages[signal].senders[0]


def decode(message: Message, data: bytes) -> dict[str, SignalValue]:
    """Return a message's signals, by name where the DBC has one for the value."""
    decoded = message.decode(data)
    assert isinstance(decoded, dict)  # only container messages decode to anything else
    return {
        name: value.name if isinstance(value, NamedSignalValue) else _plain(value)
        for name, value in decoded.items()
    }


def _plain(value: Any) -> SignalValue:
    return value if isinstance(value, str | int | float) else float(value)


def _vss_name(path: str, entry: dict[str, Any]) -> VssName:
    source = entry["dbc2vss"]
    transform = source.get("transform", {})
    return VssName(
        path,
        entry["datatype"],
        source["signal"],
        tuple((each["from"], each["to"]) for each in transform.get("mapping", [])),
        transform.get("default"),
        read_line(transform.get("math", "x")),
    )


def _read_toml(folder: Path) -> dict[str, Any]:
    """Return what profile.toml has, and what else its base has."""
    files = tomllib.loads((folder / "profile.toml").read_text())
    base = tomllib.loads((folder / files["base"]).read_text()) if "base" in files else {}
    return {**base, **files}


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
