"""`/settings`: name, region and Wi-Fi; a password goes in and never comes out."""

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
MAX_PASSWORD_BYTES = 63


class SettingsResource:
    """The settings; changed(now_ms) is called when they have changed."""

    segments = 1
    roles = {GET: OWNER, PUT: OWNER}

    def __init__(
        self, settings: "Settings", ledger: "Ledger", changed: "Callable[[int], object]"
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
            settings.change(values)
            said = {name: values[name] for name in values if name != "wifi"}
            if "wifi" in values:
                said["wifi"] = values["wifi"] and values["wifi"]["ssid"]
            by = request.known_key.principal.name
            request.after = self._ledger.add("settings", by, said, request.now_ms)
            self._changed(request.now_ms)
            code = CHANGED
        told: dict[str, Any] = {"name": settings.name}
        if settings.region is not None:
            told["region"] = settings.region
        if settings.wifi is not None:
            told["wifi"] = {"ssid": settings.wifi["ssid"]}
        return code, CBOR_FORMAT, cbor.encode(told)


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
        elif name == "wifi":
            if value is not None:
                if type(value) is not dict or sorted(value) != ["password", "ssid"]:
                    raise DecodeError("wifi has an ssid and a password")
                _check_text("ssid", value["ssid"], 1, MAX_SSID_BYTES)
                _check_text("password", value["password"], 0, MAX_PASSWORD_BYTES)
        else:
            raise DecodeError(f"there is no setting {name}")
    return values


def _check_text(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not str or not least <= len(value.encode()) <= most:
        raise DecodeError(f"{name} is {least} to {most} bytes of text")
    for character in value:
        if character < " " or "\x7f" <= character < "\xa0":  # logs print it
            raise DecodeError(f"{name} has a control character")
