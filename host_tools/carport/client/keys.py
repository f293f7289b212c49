"""Making an OSCORE context together with a gateway: pairing and enrolment.

gateway/carport.cddl has the payloads, and how the master secret comes of them.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Literal

import cbor2
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carport.client.secret import Secret
from carport.errors import UnreadableError

RANDOM_BYTES = 32
_SECRET_BYTES = 16


@dataclass(frozen=True)
class NewKey:
    """A context that host and board agree on; gateway is the name the board gives itself."""

    sender_id: bytes
    recipient_id: bytes
    secret: Secret
    gateway: str


class KeyExchange:
    """Our half of one exchange: the request's payload, and what the answer makes of it."""

    def __init__(
        self, purpose: Literal["pair", "enrol"], fields: dict[str, Any] | None = None
    ) -> None:
        """fields: whom the key is for, and what; an enrolment without them is for the asker."""
        self._info = f"carport {purpose}".encode()
        self._random = secrets.token_bytes(RANDOM_BYTES)
        self.payload = cbor2.dumps({"random": self._random, **(fields or {})}, canonical=True)

    def finish(self, payload: bytes) -> NewKey:
        """Return the key that the gateway's answer completes.

        Raises:
            CarportError: the answer is not as gateway/carport.cddl says.
        """
        try:
            fields = cbor2.loads(payload)
            board_random = bytes(fields["random"])
            key = NewKey(
                sender_id=bytes(fields["sender_id"]),
                recipient_id=bytes(fields["recipient_id"]),
                secret=self._derive(board_random),
                gateway=str(fields["gateway"]),
            )
        except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
            raise UnreadableError("the gateway's key") from error
        if len(board_random) != RANDOM_BYTES or not key.sender_id:
            raise UnreadableError("the gateway's key")
        return key

    def _derive(self, board_random: bytes) -> Secret:
        hkdf = HKDF(SHA256(), length=_SECRET_BYTES, salt=b"", info=self._info)
        return Secret(hkdf.derive(self._random + board_random))
