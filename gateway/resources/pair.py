"""`/pair`: a new owner's first key, over the cable. `gateway.vault.pairing` has the rules."""

from gateway.coap.numbers import BAD_REQUEST, CHANGED, FORBIDDEN, POST, SERVICE_UNAVAILABLE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.resources.key_request import decode, encode_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.request import Answer, Request
    from gateway.vault.keys import Keys


class PairResource:
    """`/pair`: the cable is the proof of ownership, while pairing is open."""

    def __init__(self, keys: "Keys", gateway_name: str) -> None:
        self._keys = keys
        self._gateway_name = gateway_name

    def handle(self, request: "Request") -> "Answer | None":
        """Return what the host needs to derive the new owner's key."""
        if request.code != POST or not request.on_cable:
            return diagnostic(FORBIDDEN, "pairing goes over the cable")
        if not self._keys.pairing.is_open(request.now_ms):
            return diagnostic(FORBIDDEN, "pairing is closed: press the button for 3 s")
        try:
            fields = decode(request.payload, ("random", "name"))
        except DecodeError as error:
            return diagnostic(BAD_REQUEST, str(error))
        if "name" not in fields:
            return diagnostic(BAD_REQUEST, "who are you? A name is missing")
        paired = self._keys.pair(fields["name"], fields["random"], request.now_ms)
        if paired is None:
            return diagnostic(SERVICE_UNAVAILABLE, "there are too many keys: revoke one first")
        key, board_random = paired
        payload = encode_answer(key.kid, board_random, self._gateway_name, key.principal.name)
        return CHANGED, CBOR_FORMAT, payload
