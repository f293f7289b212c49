"""Datagrams that a gateway should not get, and what the RFCs say of each.

Source: RFC 7252 sections 3, 4.2 and 4.3, RFC 8613 section 8.2.
"""

import itertools
import os
from collections.abc import Callable
from typing import NamedTuple

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACK,
    BAD_OPTION,
    BAD_REQUEST,
    CON,
    CONTENT,
    EMPTY,
    GET,
    NON,
    POST,
    RST,
    UNAUTHORIZED,
    URI_PATH,
)
from tests.models.host import Host

_MESSAGE_IDS = itertools.cycle(range(0x8000, 0x10000))  # a host's own begin at 0
_LOCK = [(URI_PATH, b"lock")]

Make = Callable[[Host], bytes]
Change = Callable[[bytes], bytes]
Answer = tuple[int, int, bytes]
"""The type, the code and the payload."""


class Case(NamedTuple):
    """make: returns one more such datagram, to be sent by the host's side.

    answer: None if there must be none. counted: the counter in /system, None if it is a sound
    message that asks for nothing.
    """

    make: Make
    answer: Answer | None
    counted: str | None


def _given(data: bytes) -> Make:
    return lambda host: data


def _raw(head: int, rest: bytes = b"", code: int = GET) -> Make:
    """What the encoder would not make."""
    return lambda host: bytes((head, code)) + next(_MESSAGE_IDS).to_bytes(2) + rest


def _coap(
    kind: int,
    code: int,
    token: bytes = b"t",
    options: list[tuple[int, bytes]] | None = None,
    payload: bytes = b"",
) -> Make:
    return lambda host: message.encode(
        Message(kind, code, next(_MESSAGE_IDS), token, options, payload)
    )


def _with_option(change: Change) -> Make:
    """A good request but for the value of its OSCORE option."""

    def make(host: Host) -> bytes:
        request = _sealed(host)
        ((number, value),) = request.options
        request.options = [(number, change(value))]
        return message.encode(request)

    return make


def _with_ciphertext(change: Change, kind: int = CON) -> Make:
    """A good request but for its ciphertext."""

    def make(host: Host) -> bytes:
        request = _sealed(host)
        request.type = kind
        request.payload = change(request.payload)
        return message.encode(request)

    return make


def _by_stranger(kid: bytes) -> Make:
    """A request of somebody who uses this kid, b"" for the host's own, with another key."""

    def make(host: Host) -> bytes:
        answer = {
            "random": os.urandom(32),
            "sender_id": kid or host.context.sender.id,
            "recipient_id": host.context.recipient.id,
        }
        stranger = Host.enrolled(host.shell, os.urandom(32), answer, b"a guess")
        stranger.next_message_id = next(_MESSAGE_IDS)
        stranger.context.sender_sequence = (
            host.context.sender_sequence
        )  # not to look like a replay
        return stranger.protect(GET, ["system"])

    return make


def _replay(host: Host) -> bytes:
    """A request that was answered, under another message id."""
    request = _sealed(host)
    host.send(message.encode(request))
    assert host.responses()[-1].code == CONTENT
    request.message_id = next(_MESSAGE_IDS)
    return message.encode(request)


def _sealed(host: Host) -> Message:
    return message.decode(host.protect(GET, ["system"]))


def _flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


_RESET = (RST, EMPTY, b"")
_NOT_OSCORE = (ACK, UNAUTHORIZED, b"OSCORE is needed here")
_NO_CONTEXT = (ACK, UNAUTHORIZED, b"Security context not found")
_REPLAY = (ACK, UNAUTHORIZED, b"Replay detected")
_NOT_DECRYPTED = (ACK, BAD_REQUEST, b"Decryption failed")
_BAD_COSE = (ACK, BAD_OPTION, b"Failed to decode COSE")

CASES = {
    "nothing": Case(_given(b""), None, "malformed"),
    "a byte": Case(_given(b"\x40"), None, "malformed"),
    "half a header": Case(_given(b"\x40\x01\x00"), None, "malformed"),
    "text": Case(_given(b"SSH-2.0-OpenSSH_9.9\r\n"), None, "malformed"),
    "version 0": Case(_raw(0x00), None, "malformed"),
    "version 2": Case(_raw(0x80), None, "malformed"),
    "a token of 9 bytes": Case(_raw(0x49, bytes(9)), _RESET, "malformed"),
    "a token of 9 bytes, NON": Case(_raw(0x59, bytes(9)), None, "malformed"),
    "a token cut off": Case(_raw(0x48, bytes(7)), _RESET, "malformed"),
    "an option cut off": Case(_raw(0x40, b"\xbd"), _RESET, "malformed"),
    "an option's value cut off": Case(_raw(0x40, b"\xb4loc"), _RESET, "malformed"),
    "a reserved option length": Case(_raw(0x40, b"\xbf"), _RESET, "malformed"),
    "a marker without payload": Case(_raw(0x40, b"\xff"), _RESET, "malformed"),
    "an empty message with a token": Case(_raw(0x41, b"t", EMPTY), _RESET, "malformed"),
    "too much": Case(_coap(CON, POST, payload=bytes(1280)), None, "oversized"),
    "far too much": Case(_coap(CON, POST, payload=bytes(60000)), None, "oversized"),
    "a ping": Case(_coap(CON, EMPTY, b""), _RESET, None),
    "an answer nobody asked for": Case(_coap(CON, CONTENT), _RESET, None),
    "an answer nobody asked for, NON": Case(_coap(NON, CONTENT), None, None),
    "a reserved code": Case(_coap(CON, 7 << 5), _RESET, None),
    "an acknowledgement of nothing": Case(_coap(ACK, CONTENT), None, None),
    "a reset of nothing": Case(_coap(RST, EMPTY, b""), None, None),
    "no OSCORE": Case(_coap(CON, GET, options=_LOCK), _NOT_OSCORE, "denied"),
    "no OSCORE, NON": Case(_coap(NON, GET, options=_LOCK), None, "denied"),
    "a command without OSCORE": Case(
        _coap(CON, POST, options=_LOCK, payload=b"\xa2bid\x01gcommandfunlock"),
        _NOT_OSCORE,
        "denied",
    ),
    "an empty OSCORE option": Case(_with_option(lambda value: b""), _NO_CONTEXT, "unknown_key"),
    "reserved flags": Case(
        _with_option(lambda value: bytes((value[0] | 0x80,)) + value[1:]), _BAD_COSE, "malformed"
    ),
    "a Partial IV cut off": Case(_with_option(lambda value: b"\x0d\x01"), _BAD_COSE, "malformed"),
    "no Partial IV": Case(_with_option(lambda value: b"\x08\x01"), _BAD_COSE, "malformed"),
    "no kid": Case(_with_option(lambda value: b"\x01\x01"), _NO_CONTEXT, "unknown_key"),
    "an unknown kid": Case(_by_stranger(b"\xfe\xfe"), _NO_CONTEXT, "unknown_key"),
    "a wrong key": Case(_by_stranger(b""), _NOT_DECRYPTED, "bad_tag"),
    "a changed tag": Case(_with_ciphertext(_flip_last), _NOT_DECRYPTED, "bad_tag"),
    "a changed tag, NON": Case(_with_ciphertext(_flip_last, NON), None, "bad_tag"),
    "a tag cut off": Case(_with_ciphertext(lambda it: it[:-1]), _NOT_DECRYPTED, "bad_tag"),
    "less than a tag": Case(_with_ciphertext(lambda it: it[:4]), _NOT_DECRYPTED, "bad_tag"),
    "no ciphertext": Case(_with_ciphertext(lambda it: b""), _NOT_DECRYPTED, "bad_tag"),
    "a replay": Case(_replay, _REPLAY, "replayed"),
}
