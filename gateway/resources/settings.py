"""`/settings`: name, region, Wi-Fi, power; a password goes in and never comes out."""

from gateway import cbor
from gateway.coap.numbers import CHANGED, CONTENT, GET, PUT
from gateway.data.consent import region_of
from gateway.endpoint import CHALLENGE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.data.ledger import Ledger
    from gateway.request import Answer, Request
    from gateway.vault.settings import Settings

MAX_NAME_BYTES = 32
MAX_SSID_BYTES = 32
MIN_PASSWORD_BYTES = 8  # WPA2's limits
MAX_PASSWORD_BYTES = 63

_MODES = ("reachable", "stored")
_POWER_RANGES = {"interval_s": (60, 86400), "low_mv": (9000, 16000)}


class SettingsResource:
    """The settings; changed(now_ms, needs_restart) is called when they have changed."""

    segments = 1
    roles = {GET: OWNER, PUT: OWNER}

    def __init__(
        self, settings: "Settings", ledger: "Ledger", changed: "Callable[[int, bool], object]"
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._changed = changed

    def handle(self, request: "Request") -> "Answer | None":
        """Return what `carport.cddl` calls settings, with PUT once they are durable.

        Raises:
            DecodeError: the payload is no settings-request.
        """
        settings = self._settings
        code = CONTENT
        if request.code == PUT:
            values = _decode(request.payload)
            if not request.is_fresh:
                return CHALLENGE
            needs_restart = settings.needs_restart(values)
            settings.change(values)
            said = {name: values[name] for name in values if name not in ("wifi", "ap")}
            if "wifi" in values:
                said["wifi"] = values["wifi"] and values["wifi"]["ssid"]
            if "ap" in values:
                said["ap"] = values["ap"] is not None
            by = request.known_key.principal.name
            request.after = self._ledger.add("settings", by, said, request.now_ms)
            self._changed(request.now_ms, needs_restart)
            code = CHANGED
        told = _told(settings)
        if code == CHANGED and needs_restart:
            told["restarts"] = True
        return code, CBOR_FORMAT, cbor.encode(told)


def _told(settings: "Settings") -> "dict[str, Any]":
    """Return the settings without their passwords."""
    told: dict[str, Any] = {"name": settings.name}
    if settings.region is not None:
        told["region"] = settings.region
        told["home"] = settings.home
    if settings.wifi is not None:
        told["wifi"] = {"ssid": settings.wifi["ssid"]}
    if settings.ap is not None:
        told["ap"] = {"ssid": settings.name}
    if settings.power is not None:
        told["power"] = settings.power
    return told


def _decode(payload: bytes) -> "dict[str, Any]":
    """Return what is to be set; None where it is to be removed."""
    values = cbor.decode(payload)
    if type(values) is not dict:
        raise DecodeError("settings are a map")
    for name in values:
        value = values[name]
        if name == "name":
            _check_text(name, value, 1, MAX_NAME_BYTES)
        elif name == "region":
            if type(value) is not str or region_of(value) is None:
                raise DecodeError("region is two capital letters, as ISO 3166-1 has them")
        elif name not in _CHECKS:
            raise DecodeError(f"there is no setting {name}")
        elif value is not None:
            _CHECKS[name](value)
    return values


def _check_wifi(value: "Any") -> None:
    if type(value) is not dict or sorted(value) != ["password", "ssid"]:
        raise DecodeError("wifi has an ssid and a password")
    _check_text("ssid", value["ssid"], 1, MAX_SSID_BYTES)
    if value["password"] != "":  # an open network
        _check_text("password", value["password"], MIN_PASSWORD_BYTES, MAX_PASSWORD_BYTES)


def _check_ap(value: "Any") -> None:
    if type(value) is not dict or list(value) != ["password"]:
        raise DecodeError("ap has a password")
    _check_text("password", value["password"], MIN_PASSWORD_BYTES, MAX_PASSWORD_BYTES)


def _check_power(value: "Any") -> None:
    if type(value) is not dict or sorted(value) != ["interval_s", "low_mv", "mode"]:
        raise DecodeError("power has a mode, interval_s and low_mv")
    if value["mode"] not in _MODES:
        raise DecodeError("mode is reachable or stored")
    for name in _POWER_RANGES:
        least, most = _POWER_RANGES[name]
        number = value[name]
        if type(number) is not int or not least <= number <= most:
            raise DecodeError(f"{name} is {least} to {most}")


def _check_text(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not str or not least <= len(value.encode()) <= most:
        raise DecodeError(f"{name} is {least} to {most} bytes of text")
    for character in value:
        if character < " " or "\x7f" <= character < "\xa0":  # logs print it
            raise DecodeError(f"{name} has a control character")


_CHECKS = {"wifi": _check_wifi, "ap": _check_ap, "power": _check_power}
