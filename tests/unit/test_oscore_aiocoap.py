"""Our OSCORE and aiocoap's understand each other, in both roles."""

from typing import Any

import aiocoap
import pytest
from aiocoap import oscore

from gateway.coap import message as coap
from gateway.errors import ReplayError
from gateway.oscore.client import protect_request, unprotect_response
from gateway.oscore.option import decode
from gateway.oscore.protection import protect_response, unprotect_request
from tests.differential.oscore import make_context

SECRET = bytes(range(16))
SALT = b"some salt"
FETCH = 0x05
POST = 0x02
CONTENT = 0x45
OBSERVE = 6
OSCORE = 9
OUR_ID = b"\xd0\x0d"
THEIR_ID = b"\x0a"

id_contexts = pytest.mark.parametrize("id_context", [None, b"\xca\xfe"])
# The sizes around a block of the cipher, and the largest of a Block2 transfer.
payloads = pytest.mark.parametrize(
    "payload", [bytes([7] * size) for size in (0, 1, 10, 16, 32, 200, 1024)], ids=len
)
numbers = pytest.mark.parametrize(
    "number", [0, 255, 256, 1 << 24, (1 << 32) - 1, (1 << 40) - 2000]
)


class Peer(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]
    """aiocoap's end of a context, kept in memory."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]
    sender_id = THEIR_ID
    recipient_id = OUR_ID
    echo_recovery = None

    def __init__(self, id_context: bytes | None, number: int) -> None:
        self.id_context = id_context
        self.sender_sequence_number = number
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()
        self.derive_keys(SALT, SECRET)

    def post_seqnoincrease(self) -> None:
        pass


def to_our_bytes(message: Any) -> coap.Message:
    """Send aiocoap's message to us."""
    message.mtype, message.mid, message.token = aiocoap.CON, 1, b"t"
    return coap.decode(message.encode())


def to_their_bytes(
    code: int, options: list[tuple[int, bytes]], value: bytes, ciphertext: bytes
) -> Any:
    """Send our message to aiocoap, with the OSCORE option among the outer options."""
    outer = sorted([*options, (OSCORE, value)])
    sent = coap.encode(coap.Message(0, code, 1, b"t", outer, ciphertext))
    return aiocoap.Message.decode(sent)


@id_contexts
@payloads
@numbers
def test_aiocoap_asks_and_we_answer(id_context: bytes | None, payload: bytes, number: int) -> None:
    them = Peer(id_context, number)
    us = make_context((SECRET, SALT, OUR_ID, THEIR_ID, id_context), number)
    for with_piv in (False, True):
        plain = aiocoap.Message(code=aiocoap.POST, uri_path=("lock",), payload=payload)
        protected, request_id = them.protect(plain)
        outer = to_our_bytes(protected)
        assert outer.code == POST
        piv, kid_context, kid = decode(dict(outer.options)[OSCORE])
        assert (kid_context, kid) == (id_context, THEIR_ID)
        code, options, text, request = unprotect_request(us, piv, outer.payload)
        assert (code, options, text) == (POST, [(11, b"lock")], payload)
        with pytest.raises(ReplayError):
            unprotect_request(us, piv, outer.payload)

        sealed = protect_response(us, request, CONTENT, [(12, b"\x3c")], payload[::-1], with_piv)
        response = to_their_bytes(0x44, [], *sealed)
        answer, _ = them.unprotect(response, request_id)
        assert (answer.code, answer.payload) == (aiocoap.CONTENT, payload[::-1])
        assert answer.opt.content_format == 60


@id_contexts
@payloads
@numbers
def test_we_ask_and_aiocoap_answers(id_context: bytes | None, payload: bytes, number: int) -> None:
    them = Peer(id_context, number)
    us = make_context((SECRET, SALT, OUR_ID, THEIR_ID, id_context), number)
    for can_reuse_nonce in (True, False):
        value, ciphertext, sent = protect_request(us, POST, [(11, b"lock")], payload)
        plain, request_id = them.unprotect(to_their_bytes(POST, [], value, ciphertext))
        assert (plain.code, plain.opt.uri_path, plain.payload) == (POST, ("lock",), payload)
        request_id.can_reuse_nonce = can_reuse_nonce
        answer = aiocoap.Message(code=aiocoap.CONTENT, payload=payload[::-1])
        outer = to_our_bytes(them.protect(answer, request_id)[0])
        response_value = dict(outer.options)[OSCORE]
        assert (response_value == b"") == can_reuse_nonce
        response = unprotect_response(us, sent, response_value, outer.payload)
        assert response == (CONTENT, [], payload[::-1])


def test_aiocoap_observes_us() -> None:
    them = Peer(None, 0)
    us = make_context((SECRET, SALT, OUR_ID, THEIR_ID, None))
    plain = aiocoap.Message(code=aiocoap.GET, uri_path=("lock",), observe=0)
    protected, request_id = them.protect(plain)
    outer = to_our_bytes(protected)
    assert outer.code == FETCH
    assert dict(outer.options)[OBSERVE] == b""
    piv, _, _ = decode(dict(outer.options)[OSCORE])
    code, options, _, request = unprotect_request(us, piv, outer.payload)
    assert (code, options) == (0x01, [(OBSERVE, b""), (11, b"lock")])
    for i in range(5):
        sealed = protect_response(us, request, CONTENT, [(OBSERVE, b"")], bytes([i]), i > 0)
        notification = to_their_bytes(CONTENT, [(OBSERVE, bytes([i]))], *sealed)
        seen, _ = them.unprotect(notification, request_id)
        assert (seen.code, seen.payload) == (aiocoap.CONTENT, bytes([i]))


def test_aiocoap_echoes_our_challenge() -> None:
    them = Peer(None, 40)
    us = make_context((SECRET, SALT, OUR_ID, THEIR_ID, None), 1024, is_known=False)
    protected, request_id = them.protect(aiocoap.Message(code=aiocoap.POST))
    outer = to_our_bytes(protected)
    piv, _, _ = decode(dict(outer.options)[OSCORE])
    request = unprotect_request(us, piv, outer.payload)[3]
    sealed = protect_response(us, request, 0x81, [(252, b"fresh")], b"", with_piv=True)
    challenge, _ = them.unprotect(to_their_bytes(0x44, [], *sealed), request_id)
    assert challenge.code == aiocoap.UNAUTHORIZED
    again = aiocoap.Message(code=aiocoap.POST, echo=challenge.opt.echo)
    outer = to_our_bytes(them.protect(again)[0])
    piv, _, _ = decode(dict(outer.options)[OSCORE])
    _, options, _, request = unprotect_request(us, piv, outer.payload)
    assert options == [(252, b"fresh")]
    us.replay_window.initialize(request.sequence)
    with pytest.raises(ReplayError):
        unprotect_request(us, piv, outer.payload)
