"""A request on its way through the gateway, and what its answer needs."""

from gateway.coap.message import decode_uint
from gateway.coap.numbers import (
    ACCEPT,
    BLOCK1,
    BLOCK2,
    CBOR,
    CONTENT_FORMAT,
    ECHO,
    OBSERVE,
    SENML_CBOR,
    URI_HOST,
    URI_PATH,
    URI_PORT,
    URI_QUERY,
)
from gateway.const import const
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from gateway.coap.message import Options
    from gateway.oscore.protection import ProtectedRequest
    from gateway.vault.key import Key

    # What a resource answers: code, options, payload. A payload of more than a block is a list of
    # blocks. None: later, through Endpoint.respond.
    Answer = tuple[int, Options, Any]

MAX_BLOCK_SZX = 5
MAX_BLOCK_BYTES = 16 << MAX_BLOCK_SZX

_MAX_TEXT = const(120)

CBOR_FORMAT: "Options" = [(CONTENT_FORMAT, bytes((CBOR,)))]
SENML_FORMAT: "Options" = [(CONTENT_FORMAT, bytes((SENML_CBOR,)))]


class Request:
    """A request whose sender is known, or who needs not be known.

    Attributes:
        exchange: what copies of the message have in common: message id, token and peer.
        source: the host that it came from, None for the cable.
        size: of its datagram, in bytes.
        is_proven: its sender is where it says: an answer may be larger than the request.
        key: the context it was verified with, None for one in plain text.
        segments: the URI's path.
        is_fresh: it carries an Echo value that is a few seconds old at most.
        after: the number of the record change that must be durable before the answer leaves.
        ack_due_ms: when an empty ACK is sent, if there is no answer by then.

    What most requests lack stands here as the class's own attribute, and takes no memory in each.
    """

    is_proven = False
    is_acknowledged = False
    ack_due_ms = 0
    after = 0
    key: "Key | None" = None
    protected: "ProtectedRequest | None" = None
    code = 0
    segments: "tuple[bytes, ...]" = ()
    payload = b""
    is_fresh = False
    queries: "tuple[bytes, ...]" = ()
    echo: "bytes | None" = None
    observe = -1
    accept = -1
    block2: "bytes | None" = None
    block1: "bytes | None" = None
    unknown_option = 0

    def __init__(
        self,
        is_confirmable: bool,
        message_id: int,
        token: bytes,
        peer: "Hashable",
        now_ms: int,
        source: "bytes | str | None",
        size: int,
    ) -> None:
        self.is_confirmable = is_confirmable
        self.exchange = (message_id, token, peer)
        self.now_ms = now_ms
        self.source = source
        self.size = size

    def read(self, code: int, options: "Options", payload: bytes) -> None:
        """Take over the code, options and payload that the sender vouched for.

        Raises:
            DecodeError: an option's value is not of its format.
        """
        self.code = code
        if payload:
            self.payload = payload
        for number, value in options:
            if number == URI_PATH:
                self.segments += (value,)
            elif number == URI_QUERY:
                self.queries += (value,)
            elif number == ECHO:
                self.echo = value
            elif number == OBSERVE:
                self.observe = decode_uint(value)
            elif number == ACCEPT:
                self.accept = decode_uint(value)
            elif number == BLOCK2:
                self.block2 = value
            elif number == BLOCK1:
                self.block1 = value
            elif number & 1 and number != URI_HOST and number != URI_PORT:
                self.unknown_option = number  # critical: what cannot be heeded must be refused

    @property
    def peer(self) -> "Hashable":
        """Whoever sent it."""
        return self.exchange[2]

    @property
    def token(self) -> bytes:
        """What its answers repeat."""
        return self.exchange[1]

    @property
    def on_cable(self) -> bool:
        """Whether it came over the cable."""
        return self.source is None

    @property
    def known_key(self) -> "Key":
        """The key of a request that is known to be protected."""
        if self.key is None:
            raise DecodeError("a request in plain text")
        return self.key


def diagnostic(code: int, text: str) -> "Answer":
    """Return an answer that is an error, with a sentence for people (RFC 7252 section 5.5.2).

    It is cut to 120 characters, for it may quote what the sender said.
    """
    return code, [], text[:_MAX_TEXT].encode()
