"""A host of the fuzzed gateway: it seals whatever it is given, and notes what it may ask for."""

from dataclasses import dataclass, field

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, ECHO, FETCH, NON, OBSERVE, OSCORE, POST
from gateway.errors import AuthenticationError, DecodeError, ReplayError
from gateway.oscore import option
from gateway.oscore.ccm import seal
from gateway.oscore.client import SentRequest
from gateway.oscore.protection import decode_inner, encode_inner
from tests.models.host import Host, Response

NON_FLAG, ECHO_FLAG, OBSERVE_FLAG = 1, 2, 4
ECHO_FRESH_MS = 5000


@dataclass
class Party(Host):
    """A host.

    Attributes:
        role: as it was enrolled.
        echoes_ms: when the gateway gave it each Echo value, since the gateway's boot.
        asked: the ids of the commands that it asked for with a fresh one.
    """

    role: str = "owner"
    echoes_ms: dict[bytes, int] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)

    @property
    def kid(self) -> bytes:
        return self.context.sender.id

    def sealed(self, inner: bytes, flags: int) -> bytes:
        """Return a datagram with a plaintext that need not be a message."""
        if flags & ECHO_FLAG and self.echoes_ms:
            inner = with_option(inner, (ECHO, list(self.echoes_ms)[-1]))
        self._note(inner)
        context = self.context
        piv = context.sender_sequence.next_piv()
        nonce = context.sender.nonce(int.from_bytes(piv, "big"))
        associated_data = context.sender.associated_data(piv)
        ciphertext = seal(context.sender.cipher, nonce, associated_data, inner)
        self.next_message_id += 1
        token = self.next_message_id.to_bytes(2, "big")
        self.sent[token] = SentRequest(associated_data, nonce)
        kind = NON if flags & NON_FLAG else CON
        code = FETCH if flags & OBSERVE_FLAG else POST
        outer: list[tuple[int, bytes]] = [(OBSERVE, b"")] if flags & OBSERVE_FLAG else []
        outer.append((OSCORE, option.encode(piv, None, self.kid)))
        sent = Message(kind, code, self.next_message_id, token, outer, ciphertext)
        return message.encode(sent)

    def hear(self, data: bytes, is_undisturbed: bool) -> Response | None:
        """Read an answer; None if it is to nothing that this host said, or a copy.

        Raises:
            AuthenticationError: it does not verify, though all that the gateway got was genuine.
        """
        outer = message.decode(data)
        if outer.token not in self.sent:
            return None
        try:
            response = self.read(data)
        except ReplayError:
            return None
        except AuthenticationError:
            if is_undisturbed:
                raise
            return None
        is_protected = any(number == OSCORE for number, _ in outer.options)
        echo = response.option(ECHO)
        if is_protected and echo is not None:
            self.echoes_ms.setdefault(echo, self.shell.now_ms)
        return response

    def _note(self, inner: bytes) -> None:
        """Take note of the command that a plaintext asks for, if it may be done."""
        try:
            code, options, payload = decode_inner(inner)
            asked = cbor.decode(payload)
        except DecodeError:
            return
        has_fresh_echo = any(
            number == ECHO
            and self.shell.now_ms - self.echoes_ms.get(value, -ECHO_FRESH_MS - 1) <= ECHO_FRESH_MS
            for number, value in options
        )
        command_id = asked.get("id") if type(asked) is dict else None
        is_allowed = code == POST and self.role != "viewer" and has_fresh_echo
        if is_allowed and type(command_id) is int:
            self.asked.add(command_id)


def with_option(inner: bytes, added: tuple[int, bytes]) -> bytes:
    """Return a plaintext with one more option, or as it is if it is no message."""
    try:
        code, options, payload = decode_inner(inner)
    except DecodeError:
        return inner
    options = sorted([*options, added], key=lambda pair: pair[0])
    return bytes(encode_inner(code, options, payload))
