"""`/pair` makes the first key, over the cable; `/keys` makes further ones."""

from gateway import cbor
from gateway.coap.numbers import BAD_REQUEST, CHANGED, FORBIDDEN, POST, SERVICE_UNAVAILABLE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.vault.keys import (
    BOARD_ID,
    MAX_NAME_BYTES,
    OWNER,
    RANDOM_BYTES,
    ROLES,
    VIEWER,
    Principal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.request import Answer, Request
    from gateway.vault.keys import Key, Keys


class PairResource:
    """`/pair`: the cable is the proof of ownership, while pairing is open."""

    def __init__(self, keys: "Keys", gateway_name: str) -> None:
        self._keys = keys
        self._gateway_name = gateway_name

    def handle(self, request: "Request") -> "Answer | None":
        """Return what the host needs to derive the new owner's key."""
        if request.code != POST or not request.on_cable:
            return diagnostic(FORBIDDEN, "pairing goes over the cable")
        if not self._keys.is_pairing_open(request.now_ms):
            return diagnostic(FORBIDDEN, "pairing is closed: press the button for 3 s")
        try:
            fields = _decode(request.payload, ("random", "name"))
        except DecodeError as error:
            return diagnostic(BAD_REQUEST, str(error))
        if "name" not in fields:
            return diagnostic(BAD_REQUEST, "who are you? A name is missing")
        key, board_random = self._keys.pair(fields["name"], fields["random"], request.now_ms)
        return CHANGED, CBOR_FORMAT, _encode(key, board_random, self._gateway_name)


class KeysResource:
    """`/keys`: one more context for the asker, or, if the owner asks, for somebody new."""

    segments = 1
    roles = {POST: VIEWER}

    def __init__(self, keys: "Keys", gateway_name: str) -> None:
        self._keys = keys
        self._gateway_name = gateway_name

    def handle(self, request: "Request") -> "Answer | None":
        """Return what the host needs to derive the new key, once it is durable.

        Raises:
            DecodeError: the payload is no enrol-request.
        """
        fields = _decode(request.payload, ("random", "name", "role"))
        principal = request.known_key.principal
        if "name" in fields or "role" in fields:
            if principal.role < OWNER:
                return diagnostic(FORBIDDEN, "only an owner makes keys for others")
            if "name" not in fields or "role" not in fields:
                raise DecodeError("a key for somebody new has a name and a role")
            principal = Principal(fields["name"], ROLES[fields["role"]])
        enrolled = self._keys.enrol(principal, fields["random"])
        if enrolled is None:
            return diagnostic(SERVICE_UNAVAILABLE, "the gateway keeps no more keys")
        key, board_random, request.after = enrolled
        return CHANGED, CBOR_FORMAT, _encode(key, board_random, self._gateway_name)


def _decode(payload: bytes, allowed: "tuple[str, ...]") -> "dict[str, Any]":
    """Return the fields of a request for a key.

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
    name = fields.get("name", "-")
    if type(name) is not str or not 0 < len(name.encode()) <= MAX_NAME_BYTES:
        raise DecodeError("name is 1 to 32 bytes of text")
    for character in name:
        if character < " " or "\x7f" <= character < "\xa0":  # logs print it
            raise DecodeError("name has a control character")
    role = fields.get("role", "viewer")
    if type(role) is not str or role not in ROLES:
        raise DecodeError("role is owner, driver or viewer")
    return fields


def _encode(key: "Key", board_random: bytes, gateway_name: str) -> bytes:
    return cbor.encode(
        {
            "random": board_random,
            "sender_id": key.kid,
            "recipient_id": BOARD_ID,
            "gateway": gateway_name,
        }
    )
