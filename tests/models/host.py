"""A host as a model: pairs, protects requests and reads the answers, one datagram at a time."""

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from gateway import cbor
from gateway.coap import block, message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACK,
    BLOCK2,
    CBOR,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    DELETE,
    ECHO,
    EMPTY,
    GET,
    OBSERVE,
    OSCORE,
    POST,
    SENML_CBOR,
    UNAUTHORIZED,
    URI_PATH,
    URI_QUERY,
)
from gateway.oscore.client import SentRequest, protect_request, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.key import master_secret
from tests.aes import AES
from tests.models import payloads
from tests.models.shell import Shell

MESSAGE_IDS = itertools.count()


@dataclass
class Response:
    """An answer as its host understands it; `type` and `message_id` are the outer message's."""

    type: int
    message_id: int
    code: int
    options: list[tuple[int, bytes]]
    payload: bytes

    def option(self, number: int) -> bytes | None:
        return next((value for n, value in self.options if n == number), None)

    @property
    def value(self) -> Any:
        return cbor.decode(self.payload)


@dataclass
class Credential:
    """A dormant credential, as a backup or an invitation holds it."""

    shell: Shell
    kid: bytes
    secret: bytes

    def wake(self, id_context: bytes | None = None) -> "Host":
        """Return the host of one use, with an ID Context of its own."""
        if id_context is None:
            id_context = os.urandom(8)
        context = client_context(self.secret, self.kid, b"\0", id_context)
        return Host(self.shell, context, peer=f"dormant {self.kid.hex()} {id_context.hex()}")


@dataclass
class Host:
    """One OSCORE context's client side."""

    shell: Shell
    context: Context
    peer: str = "host"
    on_cable: bool = False
    next_message_id: int = 0
    next_id: int = 1
    sent: dict[bytes, SentRequest] = field(default_factory=dict)

    @classmethod
    def pair(cls, shell: Shell, name: str = "ann") -> "Host":
        """Pair over the cable, and prove it with a request."""
        random = os.urandom(32)
        code, answer = plain(
            shell, POST, ["pair"], cbor.encode({"random": random, "name": name}), cable=True
        )
        assert code == 0x44, answer
        host = cls.enrolled(shell, random, cbor.decode(answer), b"carport pair")
        assert host.request(GET, ["system"]).code == 0x45
        return host

    @classmethod
    def enrolled(cls, shell: Shell, random: bytes, answer: dict[str, Any], info: bytes) -> "Host":
        """Return the host of the key that the gateway's answer to `random` makes."""
        secret = master_secret(random, answer["random"], info)
        context = client_context(secret, answer["sender_id"], answer["recipient_id"])
        return cls(shell, context, peer="host " + answer["sender_id"].hex())

    def enrol(self, **fields: Any) -> "Host":
        """Return the host of one more key."""
        random = os.urandom(32)
        response = self.request(POST, ["keys"], {"random": random, **fields})
        assert response.code == 0x44, response
        return self.enrolled(self.shell, random, response.value, b"carport enrol")

    @property
    def kid(self) -> bytes:
        return self.context.sender.id

    def make_dormant(self, **fields: Any) -> Credential:
        """Return a backup, or with fields an invitation."""
        random = os.urandom(32)
        response = self.request(POST, ["keys"], {"random": random, "dormant": True, **fields})
        assert response.code == 0x44, response
        secret = master_secret(random, response.value["random"], b"carport enrol")
        return Credential(self.shell, response.value["sender_id"], secret)

    def principals(self) -> dict[str, dict[str, Any]]:
        """Return the gateway's list of principals by their names, fetched block by block."""
        whole = b""
        more = True
        while more:
            value = block.encode(len(whole) >> 9, False, 5)
            response = self.request(GET, ["keys"], options=[(BLOCK2, value)])
            assert response.code == CONTENT, response
            whole += response.payload
            value = response.option(BLOCK2) or b""
            more = block.decode(value)[1]
        payloads.check(whole)
        return {principal["name"]: principal for principal in cbor.decode(whole)}

    def revoke(self, name: str, *more: str) -> Response:
        """Revoke somebody's keys."""
        query = [(URI_QUERY, text.encode()) for text in (f"name={name}", *more)]
        return self.request(DELETE, ["keys"], options=query)

    def tell_time(self, unix_s: int) -> Response:
        """Tell the gateway the time."""
        return self.request(POST, ["time"], {"unix_s": unix_s})

    def protect(
        self,
        code: int,
        path: list[str],
        payload: Any = None,
        options: list[tuple[int, bytes]] | None = None,
        kind: int = CON,
    ) -> bytes:
        """Return a request as a datagram; a payload that is not bytes is encoded in CBOR."""
        inner = [(URI_PATH, segment.encode()) for segment in path] + (options or [])
        if payload is not None and not isinstance(payload, bytes):
            payload = cbor.encode(payload)
        if payload:
            inner.append((CONTENT_FORMAT, b"\x3c"))
        inner.sort(key=lambda option: option[0])
        outer_code = POST
        outer: list[tuple[int, bytes]] = []
        for option in inner:
            if option[0] == OBSERVE:
                outer_code = 5
                outer.append(option)
        value, ciphertext, sent = protect_request(self.context, code, inner, payload or b"")
        self.next_message_id = self.next_message_id + 1 & 0xFFFF
        token = self.next_message_id.to_bytes(2, "big")
        self.sent[token] = sent
        outer.append((OSCORE, value))
        return message.encode(
            Message(kind, outer_code, self.next_message_id, token, outer, ciphertext)
        )

    def responses(self) -> list[Response]:
        """Take and read the answers to this host that the shell has kept."""
        mine = [data for data, peer in self.shell.datagrams if peer == self.peer]
        self.shell.datagrams = [pair for pair in self.shell.datagrams if pair[1] != self.peer]
        return [self.read(data) for data in mine]

    def read(self, data: bytes) -> Response:
        """Read one answer; one that is not protected is returned as it is."""
        outer = message.decode(data)
        kind, message_id = outer.type, outer.message_id
        value = next((value for n, value in outer.options if n == OSCORE), None)
        if value is None:
            return Response(kind, message_id, outer.code, outer.options, outer.payload)
        code, options, payload = unprotect_response(
            self.context, self.sent[outer.token], value, outer.payload
        )
        response = Response(kind, message_id, code, options, payload)
        if response.option(BLOCK2) is None:
            _check(response)
        return response

    def send(self, data: bytes) -> None:
        self.shell.receive_datagram(data, self.peer, self.on_cable)

    def acknowledge(self, response: Response) -> None:
        """Acknowledge a confirmable answer."""
        if response.type == CON:
            self.send(message.encode(Message(ACK, EMPTY, response.message_id)))

    def request(self, code: int, path: list[str], payload: Any = None, **more: Any) -> Response:
        """Send a request and return its answer; a challenge is answered with its Echo value.

        What is asked for with GET and without options comes whole, block by block.
        """
        is_plain = code == GET and payload is None and not more
        response = self.request_once(code, path, payload, **more)
        number = 0
        while is_plain and block.decode(response.option(BLOCK2) or b"")[1]:
            number += 1
            options = [(BLOCK2, block.encode(number, False, 5))]
            part = self.request_once(GET, path, options=options)
            assert part.code == CONTENT, part
            part.payload = response.payload + part.payload
            response = part
        if number:
            _check(response)
        return response

    def request_once(
        self, code: int, path: list[str], payload: Any = None, **more: Any
    ) -> Response:
        """Send a request and return its answer, or the first block of it."""
        self.send(self.protect(code, path, payload, **more))
        response = self.responses()[-1]
        echo = response.option(ECHO)
        if response.code == UNAUTHORIZED and echo is not None:
            options = [*more.pop("options", []), (ECHO, echo)]
            self.send(self.protect(code, path, payload, options=options, **more))
            answers = self.responses()
            return answers[-1] if answers else response
        return response

    def challenge(self) -> bytes:
        """Return a fresh Echo value; the command that asks for it uses up no id."""
        self.send(self.protect(POST, ["lock"], {"id": self.next_id, "command": "lock"}))
        echo = self.responses()[-1].option(ECHO)
        assert echo is not None
        return echo

    def command(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return the payload of the next command."""
        payload: dict[str, Any] = {"id": self.next_id, "command": command}
        self.next_id += 1
        if arguments:
            payload["arguments"] = arguments
        return payload

    def post(self, path: str, payload: dict[str, Any]) -> list[Response]:
        """Send a command with a fresh Echo and return the answers so far, perhaps none."""
        self.send(self.protect(POST, [path], payload))
        answers = self.responses()
        if answers and answers[0].code == UNAUTHORIZED:
            echo = answers[0].option(ECHO)
            assert echo is not None
            self.send(self.protect(POST, [path], payload, options=[(ECHO, echo)]))
            answers = self.responses()
        return answers


def _check(response: Response) -> None:
    """See whether a whole answer is what carport.cddl says."""
    if response.option(CONTENT_FORMAT) in (bytes((CBOR,)), bytes((SENML_CBOR,))):
        payloads.check(response.payload)


def client_context(
    secret: bytes, sender_id: bytes, recipient_id: bytes, id_context: bytes | None = None
) -> Context:
    """Return a host's side of a context that was never used."""
    sequence = SenderSequence(0)
    sequence.reserved(1 << 39)
    window = ReplayWindow(True)
    return Context(AES, secret, b"", sender_id, recipient_id, id_context, sequence, window)


def plain(
    shell: Shell, code: int, path: list[str], payload: bytes = b"", cable: bool = False
) -> tuple[int, bytes]:
    """Send a request in plain text and return the answer's code and payload; (0, b"") if none."""
    options = [(URI_PATH, segment.encode()) for segment in path]
    request = Message(CON, code, next(MESSAGE_IDS), b"t", options, payload)
    shell.receive_datagram(message.encode(request), "stranger", cable)
    mine = [data for data, peer in shell.datagrams if peer == "stranger"]
    shell.datagrams = [pair for pair in shell.datagrams if pair[1] != "stranger"]
    if not mine:
        return 0, b""
    answer = message.decode(mine[-1])
    return answer.code, answer.payload
