"""What an owner wants set: from options, from a TOML file, or from both; options win.

The file has the options' names:

    name = "leaf"
    region = "DE"
    wifi = "home"                     # false: join none
    wifi-password-file = "wifi.txt"   # its first line; or wifi-password = "..."
    access-point = true
    power = "stored"
    interval = "30m"
    low-voltage = 12.2
    car = "leaf-2016"
"""

import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from carport.cli.asking import ask_hidden
from carport.cli.hidden_input import read_text
from carport.cli.vss import profile_names
from carport.client.known_gateways import check_name
from carport.client.settings import (
    BoardSettings,
    Mode,
    Power,
    check_interval,
    check_mode,
    check_password,
    check_region,
    check_ssid,
    check_voltage,
)
from carport.errors import UsageError

_PASSWORD_FILE = "wifi-password-file"


@dataclass(frozen=True)
class Wishes:
    """What is to be set; None is left as it is. wifi: a network, or False for none."""

    name: str | None = None
    region: str | None = None
    wifi: str | bool | None = None
    wifi_password: str | None = field(default=None, repr=False)
    access_point: bool | None = None
    power: Mode | None = None
    interval_s: int | None = None
    low_mv: int | None = None
    car: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether anything is to be set."""
        return self != Wishes()

    def over(self, others: "Wishes") -> "Wishes":
        """Return these wishes, and the others where these say nothing."""
        if self.wifi is not None:  # a password belongs to its network
            others = replace(others, wifi=None, wifi_password=None)
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(others, **{name: own[name] for name in own if own[name] is not None})

    def with_password(self) -> "Wishes":
        """Return them with the password of the network to join, typed now if it is missing.

        Raises:
            UsageError: nobody can type it.
        """
        if not isinstance(self.wifi, str) or self.wifi_password is not None:
            return self
        return replace(self, wifi_password=ask_password(self.wifi))

    def applied_to(self, present: BoardSettings) -> BoardSettings:
        """Return what is to be set where that is present."""
        wanted = replace(
            present, name=self.name or present.name, region=self.region or present.region
        )
        if self.wifi is not None:
            wanted = replace(wanted, wifi=self.wifi if isinstance(self.wifi, str) else None)
        if self.access_point is not None:
            wanted = replace(wanted, ap=wanted.name if self.access_point else None)
        if (self.power, self.interval_s, self.low_mv) != (None, None, None):
            old = present.power or Power()
            power = Power(
                self.power or old.mode,
                self.interval_s or old.interval_s,
                self.low_mv or old.low_mv,
            )
            wanted = replace(wanted, power=power)
        return wanted


def from_options(given: dict[str, Any]) -> Wishes:
    """Return what the options of `carport provision` ask for.

    Raises:
        UsageError: one of them cannot be set, or they contradict each other.
    """
    keys = {
        name.replace("_", "-"): value
        for name, value in given.items()
        if value is not None and name != "no_wifi"
    }
    if given["no_wifi"]:
        if "wifi" in keys or _PASSWORD_FILE in keys:
            raise UsageError("--no-wifi joins no network: leave the others out")
        keys["wifi"] = False
    wishes = Wishes()
    for key, value in keys.items():
        wishes = _take(wishes, key, value, Path())
    return _checked(wishes)


def from_file(path: Path) -> Wishes:
    """Return what a TOML file asks for.

    Raises:
        UsageError: it cannot be read, or a key of it cannot be set: the message names it.
    """
    try:
        with path.open("rb") as file:
            keys = tomllib.load(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read ({reason}): see docs/provisioning.md") from error
    wishes = Wishes()
    for key, value in keys.items():
        try:
            wishes = _take(wishes, key, value, path.parent)
        except UsageError as error:
            raise UsageError(f"{path}, {key}: {error}") from error
    try:
        return _checked(wishes)
    except UsageError as error:
        raise UsageError(f"{path}, wifi-password: {error}") from error


def ask_password(ssid: str) -> str:
    """Let the password of a network be typed, twice.

    Raises:
        UsageError: nobody can.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"nobody can type the password of {ssid} here: add --{_PASSWORD_FILE} FILE"
        )
    return ask_hidden(f"Password of {ssid} (Enter alone: it has none)", check_password)


def _checked(wishes: Wishes) -> Wishes:
    if wishes.wifi_password is not None and not isinstance(wishes.wifi, str):
        raise UsageError("a password is for a network: name it with wifi")
    return wishes


def _take(wishes: Wishes, key: str, value: Any, folder: Path) -> Wishes:
    """Return wishes with one key's value, which is checked."""
    if key not in _KEYS:
        raise UsageError(f"there is no such setting: use one of {', '.join(_KEYS)}")
    name, types, check = _KEYS[key]
    if type(value) not in types:
        wanted = " or ".join(_TYPES[each] for each in types)
        raise UsageError(f"{value!r} is of the wrong kind: write {wanted}")
    if key == _PASSWORD_FILE:
        value = _first_line(value if value == "-" else str(folder / value))
    return replace(wishes, **{name: check(value)})


def _first_line(source: str) -> str:
    lines = read_text(source, "the password").splitlines()
    if not lines or not lines[0]:
        raise UsageError("the password is empty: write it into the file's first line")
    return lines[0]


def _name(text: str) -> str:
    check_name(text)
    return text


def _network(value: str | bool) -> str | bool:
    if value is True:
        raise UsageError("true is no network: write its name, or false")
    return False if value is False else check_ssid(value)


def _car(name: str) -> str:
    if name not in profile_names():
        raise UsageError(f"there is no car {name}: there are {', '.join(profile_names())}")
    return name


def _as_it_is(value: Any) -> Any:
    return value


_TYPES = {str: 'text in "quotes"', bool: "true or false", float: "a number", int: "a number"}
_KEYS: dict[str, tuple[str, tuple[type, ...], Callable[[Any], Any]]] = {
    "name": ("name", (str,), _name),
    "region": ("region", (str,), check_region),
    "wifi": ("wifi", (str, bool), _network),
    "wifi-password": ("wifi_password", (str,), check_password),
    _PASSWORD_FILE: ("wifi_password", (str,), check_password),
    "access-point": ("access_point", (bool,), _as_it_is),
    "power": ("power", (str,), check_mode),
    "interval": ("interval_s", (str,), check_interval),
    "low-voltage": ("low_mv", (float, int), check_voltage),
    "car": ("car", (str,), _car),
}
