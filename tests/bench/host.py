"""The host of an OSCORE context, for both interpreters: seals requests ahead, opens answers."""

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, CONTENT_FORMAT, ECHO, OBSERVE, OSCORE, POST, URI_PATH
from gateway.oscore.client import protect_request, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.key import RANDOM_BYTES, master_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.oscore.client import SentRequest

_CBOR_FORMAT = (CONTENT_FORMAT, b"\x3c")


class Host:
    """One context's client side; it counts its messages and its commands.

    `exchange` takes the pairing request's datagram and returns its answer's.
    """

    def __init__(
        self,
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        exchange: "Callable[[bytes], bytes]",
    ) -> None:
        half = random(RANDOM_BYTES)
        options = [(URI_PATH, b"pair"), _CBOR_FORMAT]
        payload = cbor.encode({"random": half, "name": "bench"})
        request = message.encode(Message(CON, POST, 0, b"", options, payload))
        answer = cbor.decode(message.decode(exchange(request)).payload)
        sequence = SenderSequence(0)
        sequence.reserved(1 << 30)
        self._context = Context(
            aes,
            master_secret(half, answer["random"], b"carport pair"),
            b"",
            answer["sender_id"],
            answer["recipient_id"],
            None,
            sequence,
            ReplayWindow(True),
        )
        self._sent: dict[bytes, SentRequest] = {}
        self._message_id = 0
        self._command_id = 0

    def seal(
        self,
        code: int,
        path: bytes,
        payload: bytes = b"",
        echo: bytes = b"",
        is_observing: bool = False,
    ) -> bytes:
        """Return a request as a datagram."""
        options = [(URI_PATH, path)]
        if is_observing:
            options.insert(0, (OBSERVE, b""))
        if payload:
            options.append(_CBOR_FORMAT)
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
