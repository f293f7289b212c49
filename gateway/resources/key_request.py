"""What a request for a key says, as `carport.cddl` has it, and what answers it."""

from gateway import cbor
from gateway.errors import DecodeError
from gateway.vault.key import BOARD_ID, RANDOM_BYTES
from gateway.vault.principals import DRIVER, LIMITS, MAX_NAME_BYTES, RANKS, READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

MAX_NUMBER = 0xFFFFFFFF


def decode(payload: bytes, allowed: "tuple[str, ...]") -> "dict[str, Any]":
    """Return the fields of a request for a key: those that every such request has are right.

    Raises:
        DecodeError: a field is missing, unknown or not what it should be.
    """
    fields = cbor.decode(payload)
    if type(fields) is not dict:
        raise DecodeError("a request for a key is a map")
    for field in fields:
        if field not in allowed:
            raise DecodeError(f"a request for a key has no field {field}")
    random = fields.get("random")
    if type(random) is not bytes or len(random) != RANDOM_BYTES:
        raise DecodeError("random is 32 bytes")
    if fields.get("dormant", True) is not True:
        raise DecodeError("dormant is true or left out")
    if "name" in fields:
        _check_name(fields["name"])
    return fields


def check_grant(fields: "dict[str, Any]", segments: "Container[bytes]") -> None:
    """See that the fields of somebody new make sense; `segments` are those of our resources.

    Raises:
        DecodeError: they do not.
    """
    role = fields.get("role")
    if "name" not in fields or type(role) is not str or role not in RANKS:
        raise DecodeError("a new key has a name, and is owner, driver, guest, service or viewer")
    for number in ("not_before", "not_after", "uses"):
        value = fields.get(number, 0)
        if type(value) is not int or not 0 <= value <= MAX_NUMBER:
            raise DecodeError(number + " is an unsigned integer of 32 bits")
    _check_region(fields.get("region", "EU"))
    if "scopes" in fields:
        _check_scopes(fields["scopes"], segments)
    if role == "owner" and any(limit in fields for limit in LIMITS):
        raise DecodeError("nothing limits an owner")
    if role == "service" and "scopes" not in fields:
        raise DecodeError("a service has scopes")
    if role == "guest" and "not_after" not in fields and "uses" not in fields:
        raise DecodeError("a guest has an end: not_after or uses")
    if "uses" in fields and (fields["uses"] == 0 or RANKS[role] < DRIVER):
        raise DecodeError("uses count commands: at least one, of somebody who may command")


def encode_answer(
    kid: bytes, board_random: bytes, gateway_name: str, name: "str | None" = None
) -> bytes:
    """Return what the host needs to derive its key, and as whom it is known if that is new."""
    answer: dict[str, Any] = {
        "random": board_random,
        "sender_id": kid,
        "recipient_id": BOARD_ID,
        "gateway": gateway_name,
    }
    if name is not None:
        answer["name"] = name
    return cbor.encode(answer)


def _check_name(name: "Any") -> None:
    if type(name) is not str or not 0 < len(name.encode()) <= MAX_NAME_BYTES:
        raise DecodeError("name is 1 to 32 bytes of text")
    for character in name:
        if character < " " or "\x7f" <= character < "\xa0":  # logs print it
            raise DecodeError("name has a control character")


def _check_region(region: "Any") -> None:
    if type(region) is not str or len(region) != 2:
        raise DecodeError("region is a country's two letters, as DE")
    for character in region:
        if not "A" <= character <= "Z":
            raise DecodeError("region is a country's two letters, as DE")


def _check_scopes(scopes: "Any", segments: "Container[bytes]") -> None:
    if type(scopes) is not list or not scopes:
        raise DecodeError("scopes are a list of at least one")
    known = []
    for scope in scopes:
        if type(scope) is not str:
            raise DecodeError("a scope is text")
        name = scope[: -len(READ)] if scope.endswith(READ) else scope
        if name.encode() not in segments or name in known:
            raise DecodeError(f"there is no {name} here, or it is named twice")
        known.append(name)
