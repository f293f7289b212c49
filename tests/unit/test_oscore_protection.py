"""A server and a client over one context: replays, nonces, reboots, notifications."""

import pytest

from gateway.errors import AuthenticationError, DecodeError, NonceError, ReplayError
from gateway.oscore.ccm import seal
from gateway.oscore.client import SentRequest, protect_request, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.option import decode
from gateway.oscore.protection import ProtectedRequest, protect_response, unprotect_request
from tests.differential.oscore import make_context

SECRET = b"a secret of both"
GET = 0x01
CONTENT = 0x45
OPTIONS = [(11, b"lock")]


def client_context() -> Context:
    return make_context((SECRET, b"", b"\x01", b"\x02", None))


def server_context(is_known: bool = True, sequence: int = 0) -> Context:
    return make_context((SECRET, b"", b"\x02", b"\x01", None), sequence, is_known)


def receive(server: Context, value: bytes, ciphertext: bytes) -> ProtectedRequest:
    """Unprotect a client's GET and return what its responses need."""
    piv, _, _ = decode(value)
    code, options, payload, request = unprotect_request(server, piv, ciphertext)
    assert (code, options, payload) == (GET, OPTIONS, b"")
    return request


def exchange(client: Context, server: Context) -> tuple[SentRequest, ProtectedRequest]:
    """Send a GET from the client to the server."""
    value, ciphertext, sent = protect_request(client, GET, OPTIONS, b"")
    return sent, receive(server, value, ciphertext)


def test_request_is_taken_once() -> None:
    server = server_context()
    value, ciphertext, _ = protect_request(client_context(), GET, OPTIONS, b"")
    receive(server, value, ciphertext)
    for _ in range(2):
        with pytest.raises(ReplayError):
            receive(server, value, ciphertext)


def test_requests_out_of_order_are_taken_once_each() -> None:
    client, server = client_context(), server_context()
    requests = [protect_request(client, GET, OPTIONS, b"")[:2] for _ in range(32)]
    for request in reversed(requests):
        receive(server, *request)
    for request in requests:
        with pytest.raises(ReplayError):
            receive(server, *request)


def test_forgery_does_not_move_the_window() -> None:
    client, server = client_context(), server_context()
    value, ciphertext, _ = protect_request(client, GET, OPTIONS, b"")
    for piv in (b"\x00", b"\xff\xff\xff\xff\xff"):
        with pytest.raises(AuthenticationError):
            unprotect_request(server, piv, bytes(20))
    receive(server, value, ciphertext)


def test_request_without_piv() -> None:
    with pytest.raises(DecodeError):
        unprotect_request(server_context(), None, bytes(20))


def test_own_request_reflected_is_refused() -> None:
    """What a party sealed is nothing that its peer sealed."""
    client = client_context()
    value, ciphertext, _ = protect_request(client, GET, OPTIONS, b"")
    with pytest.raises(AuthenticationError):
        unprotect_request(client, decode(value)[0], ciphertext)


@pytest.mark.parametrize("plaintext", [b"", b"\x01\xff", b"\x01\xf0", b"\x01\x41"])
def test_authentic_bytes_that_are_no_message(plaintext: bytes) -> None:
    client, server = client_context(), server_context()
    ciphertext = seal(
        client.sender.cipher,
        client.sender.nonce(7),
        client.sender.associated_data(b"\x07"),
        plaintext,
    )
    with pytest.raises(DecodeError):
        unprotect_request(server, b"\x07", ciphertext)
    with pytest.raises(ReplayError):
        unprotect_request(server, b"\x07", ciphertext)


def test_nonce_of_a_request_is_lent_once() -> None:
    client, server = client_context(), server_context()
    sent, request = exchange(client, server)
    assert request.lends_nonce
    value, ciphertext = protect_response(server, request, CONTENT, [], b"locked")
    assert value == b""
    assert not request.lends_nonce
    with pytest.raises(NonceError):
        protect_response(server, request, CONTENT, [], b"unlocked")
    assert unprotect_response(client, sent, value, ciphertext) == (CONTENT, [], b"locked")


def test_response_with_piv_leaves_the_nonce_of_the_request() -> None:
    server = server_context()
    _, request = exchange(client_context(), server)
    protect_response(server, request, CONTENT, [], b"", with_piv=True)
    assert request.lends_nonce


def test_response_with_piv_needs_a_reserved_number() -> None:
    server = server_context()
    _, request = exchange(client_context(), server)
    for _ in range(1024):
        protect_response(server, request, CONTENT, [], b"", with_piv=True)
    with pytest.raises(NonceError):
        protect_response(server, request, CONTENT, [], b"", with_piv=True)
    protect_response(server, request, CONTENT, [], b"")


def test_notifications_are_taken_in_order_and_once() -> None:
    client, server = client_context(), server_context()
    sent, request = exchange(client, server)
    first = protect_response(server, request, CONTENT, [(6, b"")], b"first")
    later = [
        protect_response(server, request, CONTENT, [(6, b"")], b"%d" % i, with_piv=True)
        for i in range(3)
    ]
    taken: list[bytes | None] = []
    for response in (first, first, later[0], first, later[2], later[1], later[2]):
        try:
            taken.append(unprotect_response(client, sent, *response)[2])
        except ReplayError:
            taken.append(None)
    assert taken == [b"first", None, b"0", None, b"2", None, None]


def test_forged_notification_does_not_hold_up_the_next() -> None:
    client, server = client_context(), server_context()
    sent, request = exchange(client, server)
    value, ciphertext = protect_response(server, request, CONTENT, [], b"", with_piv=True)
    with pytest.raises(AuthenticationError):
        unprotect_response(client, sent, b"\x05\xff\xff\xff\xff\xff", ciphertext)
    unprotect_response(client, sent, value, ciphertext)


def test_response_to_another_request_is_refused() -> None:
    client, server = client_context(), server_context()
    other, _ = exchange(client, server)
    _, request = exchange(client, server)
    for with_piv in (False, True):
        response = protect_response(server, request, CONTENT, [], b"", with_piv)
        with pytest.raises(AuthenticationError):
            unprotect_response(client, other, *response)


@pytest.mark.parametrize(("kid", "is_server"), [(b"\x02", True), (b"\x01", False), (b"", False)])
def test_response_that_names_its_sender(kid: bytes, is_server: bool) -> None:
    client, server = client_context(), server_context()
    sent, request = exchange(client, server)
    _, ciphertext = protect_response(server, request, CONTENT, [], b"")
    if is_server:
        unprotect_response(client, sent, b"\x08" + kid, ciphertext)
    else:
        with pytest.raises(AuthenticationError):
            unprotect_response(client, sent, b"\x08" + kid, ciphertext)


def test_reboot_is_recovered_from_with_echo() -> None:
    """RFC 8613 Appendix B.1.2: challenge, and take what carries a fresh Echo as the newest."""
    client, server = client_context(), server_context()
    value, ciphertext, _ = protect_request(client, GET, OPTIONS, b"")
    receive(server, value, ciphertext)

    server = server_context(is_known=False, sequence=1024)
    old = receive(server, value, ciphertext)
    assert not server.replay_window.is_known
    assert not old.lends_nonce
    with pytest.raises(NonceError):
        protect_response(server, old, 0x81, [(252, b"echo")], b"")
    challenge = protect_response(server, old, 0x81, [(252, b"echo")], b"", with_piv=True)
    assert challenge[0] == b"\x02\x04\x00"

    sent, fresh = exchange(client, server)
    server.replay_window.initialize(fresh.sequence)
    assert server.replay_window.is_known
    assert not fresh.lends_nonce
    response = protect_response(server, fresh, CONTENT, [], b"locked", with_piv=True)
    assert unprotect_response(client, sent, *response) == (CONTENT, [], b"locked")
    with pytest.raises(ReplayError):
        receive(server, value, ciphertext)
    _, request = exchange(client, server)
    assert request.lends_nonce
