"""The host of an OSCORE context, for both interpreters: seals requests ahead, opens answers."""

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    BLOCK2,
    CON,
    CONTENT_FORMAT,
    ECHO,
    OBSERVE,
    OSCORE,
    POST,
    URI_PATH,
)
from gateway.oscore.client import protect_request, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.key import RANDOM_BYTES, master_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.oscore.client import SentRequest

_CBOR_FORMAT = (CONTENT_FORMAT, b"\x3c")


class Host:
    """One context's client side; it counts its messages and its commands.

    `exchange` takes the pairing request's datagram and returns its answer's. With the `state` that
    another Host had, it goes on in its place.
    """

    def __init__(
        self,
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        exchange: "Callable[[bytes], bytes]",
        state: "list[Any] | None" = None,
    ) -> None:
        secret, sender_id, recipient_id, first, self._command_id = state or self._pair(
            random, exchange
        )
        self._identity = [secret, sender_id, recipient_id]
        self._sequence = SenderSequence(first)
        self._sequence.reserved(1 << 30)
        self._context = Context(
            aes,
            secret,
            b"",
            sender_id,
            recipient_id,
            None,
            self._sequence,
            ReplayWindow(True),
        )
        self._sent: dict[bytes, SentRequest] = {}
        self._message_id = 0

    @property
    def state(self) -> "list[Any]":
        """What another Host needs to go on with this one's numbers."""
        sequence = int.from_bytes(self._sequence.next_piv(), "big")
        return self._identity + [sequence, self._command_id]

    def _pair(
        self, random: "Callable[[int], bytes]", exchange: "Callable[[bytes], bytes]"
    ) -> "list[Any]":
        half = random(RANDOM_BYTES)
        options = [(URI_PATH, b"pair"), _CBOR_FORMAT]
        payload = cbor.encode({"random": half, "name": "bench"})
        request = message.encode(Message(CON, POST, 0, b"", options, payload))
        answer = cbor.decode(message.decode(exchange(request)).payload)
        secret = master_secret(half, answer["random"], b"carport pair")
        return [secret, answer["sender_id"], answer["recipient_id"], 0, 0]

    def seal(
        self,
        code: int,
        path: bytes,
        payload: bytes = b"",
        echo: bytes = b"",
        is_observing: bool = False,
        block2: bytes = b"",
    ) -> bytes:
        """Return a request as a datagram; block2: that option's value."""
        options = [(URI_PATH, segment) for segment in path.split(b"/")]
        if is_observing:
            options.insert(0, (OBSERVE, b""))
        if payload:
            options.append(_CBOR_FORMAT)
        if block2:
            options.append((BLOCK2, block2))
        if echo:
            options.append((ECHO, echo))
        value, ciphertext, sent = protect_request(self._context, code, options, payload)
        self._message_id = self._message_id + 1 & 0xFFFF
        token = self._message_id.to_bytes(2, "big")
        self._sent[token] = sent
        outer = [(OSCORE, value)]
        return message.encode(Message(CON, POST, self._message_id, token, outer, ciphertext))

    def seal_command(self, command: str, echo: bytes = b"") -> bytes:
        """Return a command of /lock, with an id of its own, as a datagram."""
        self._command_id += 1
        payload = cbor.encode({"id": self._command_id, "command": command})
        return self.seal(POST, b"lock", payload, echo)

    def open(self, datagram: bytes) -> "tuple[int, dict[int, bytes], bytes]":
        """Return (code, options, payload) of an answer to a request."""
        outer = message.decode(datagram)
        value = dict(outer.options)[OSCORE]
        sent = self._sent.pop(outer.token)
        code, options, payload = unprotect_response(self._context, sent, value, outer.payload)
        return code, dict(options), payload
