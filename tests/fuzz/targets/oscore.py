"""OSCORE: the option's one form, the window against a set, the sealing against OpenSSL's.

An input's first byte chooses what the rest is.
"""

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from gateway.errors import AuthenticationError, DecodeError, GatewayError, NonceError, ReplayError
from gateway.oscore import option
from gateway.oscore.client import SentRequest, unprotect_response
from gateway.oscore.protection import (
    decode_inner,
    encode_inner,
    protect_response,
    unprotect_request,
)
from gateway.oscore.replay_window import WINDOW_SIZE, ReplayWindow
from gateway.oscore.sender_sequence import encode_piv
from tests.differential.oscore import make_context
from tests.fuzz.choices import Choices, chunk
from tests.fuzz.sessions import questions
from tests.vectors.load import load

MODULES = (
    "gateway/oscore/ccm.py",
    "gateway/oscore/context.py",
    "gateway/oscore/option.py",
    "gateway/oscore/protection.py",
    "gateway/oscore/replay_window.py",
)

OPTION, FIELDS, WINDOW, FORGERY, REQUEST = range(5)

SECRET, SALT = bytes(range(1, 17)), bytes.fromhex("9e7ca92223786340")
CLIENT = (SECRET, SALT, b"", b"\x01", None)
SERVER = (SECRET, SALT, b"\x01", b"", None)
CLIENT_KEY = bytes.fromhex("f0910ed7295e6ad4b54fc793154302ff")  # RFC 8613 appendix C.1


def run(data: bytes) -> None:
    """Do what the first byte chooses with the rest."""
    choices = Choices(data)
    (read_option, make_option, move_window, forge, ask)[choices.byte() % 5](choices)


def read_option(choices: Choices) -> None:
    """What is an option's value is the only one for its fields."""
    value = choices.rest()
    try:
        fields = option.decode(value)
    except DecodeError:
        return
    piv = fields[0]
    assert option.encode(*fields) == value, "an option has two forms"
    assert piv is None or piv == encode_piv(int.from_bytes(piv, "big")), "a number has two forms"


def make_option(choices: Choices) -> None:
    """Whatever fields there may be are carried, laid out as the RFC draws it."""
    flags = choices.byte()
    piv = choices.exactly(1 + flags % 5).lstrip(b"\0") or b"\0" if flags & 0x20 else None
    kid_context = choices.chunk() if flags & 0x40 else None
    kid = choices.rest() if flags & 0x80 else None
    drawn = b"" if piv is None else piv
    first = len(drawn)
    if kid_context is not None:
        drawn += chunk(kid_context)
        first |= 0x10
    if kid is not None:
        drawn += kid
        first |= 0x08
    value = bytes((first,)) + drawn if first else b""
    assert option.encode(piv, kid_context, kid) == value, "not laid out as drawn"
    assert option.decode(value) == (piv, kid_context, kid), "other fields than were laid out"


def move_window(choices: Choices) -> None:
    """A number is new if it is above all others, or among the 31 below and never accepted."""
    window = ReplayWindow(True)
    accepted: set[int] = set()
    highest = -1
    while not choices.is_over:
        step = choices.byte() - 64
        number = max(0, highest + (step if step < 128 else step << 12))
        is_new = number > highest or (highest - number < WINDOW_SIZE and number not in accepted)
        assert window.is_new(number) == is_new, "a number is judged wrongly"
        if is_new:
            window.accept(number)
            accepted.add(number)
            highest = max(highest, number)


def forge(choices: Choices) -> None:
    """What nobody sealed is refused, and moves nothing."""
    server = make_context(SERVER)
    piv = choices.exactly(1 + choices.byte() % 5)
    try:
        unprotect_request(server, piv, choices.rest())
    except AuthenticationError:
        assert server.replay_window.is_new(int.from_bytes(piv, "big")), "a forgery is remembered"
        return
    raise AssertionError("a forgery is taken")


def ask(choices: Choices) -> None:
    """A client seals anything; the server takes it once, and answers the same."""
    number = choices.number(2) << 8 * (choices.byte() % 4)
    piv = number.to_bytes(5, "big").lstrip(b"\0") or b"\0"
    with_piv = choices.byte() & 1 == 1
    flipped = choices.byte()
    plaintext = choices.rest()
    client, server = make_context(CLIENT), make_context(SERVER)
    nonce = client.sender.nonce(number)
    external = cbor2.dumps([1, [10], b"", piv, b""])
    additional = cbor2.dumps(["Encrypt0", b"", external])
    sealed = AESCCM(CLIENT_KEY, 8).encrypt(nonce, plaintext, additional)
    garbled = bytearray(sealed)
    garbled[flipped % len(garbled)] ^= 1 << flipped % 8
    expect(AuthenticationError, lambda: unprotect_request(server, piv, bytes(garbled)))
    try:
        code, options, payload, request = unprotect_request(server, piv, sealed)
    except DecodeError:
        expect(DecodeError, lambda: decode_inner(plaintext))
        return
    expect(ReplayError, lambda: unprotect_request(server, piv, sealed))
    inner = (code, options, payload)
    assert inner == decode_inner(bytes(encode_inner(*inner))), "another message than was sealed"
    assert len(encode_inner(*inner)) <= len(plaintext)
    value, ciphertext = protect_response(server, request, *inner, with_piv)
    sent = SentRequest(client.sender.associated_data(piv), nonce)
    answer = unprotect_response(client, sent, value, ciphertext)
    assert answer == inner, "another answer than was sealed"
    if not with_piv:
        expect(NonceError, lambda: protect_response(server, request, *inner))


def expect(error: type[GatewayError], call: object) -> None:
    """Hold a call to an error."""
    assert callable(call)
    try:
        call()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def seeds() -> list[bytes]:
    """Return RFC 8613's examples, a window in use, and what a session sealed."""
    vectors = load("rfc8613")
    values = [bytes.fromhex(row["option"]) for row in vectors["requests"]]
    made = bytes((FIELDS, 0xE1)) + bytes((1, 2)) + chunk(b"\x37\xcb") + b"\x42"
    windows = [
        bytes((WINDOW, 64, 65, 65, 63, 80, 60, 48, 47, 79, 200, 64)),
        bytes((WINDOW, 65, 63 + WINDOW_SIZE, 64, 64 + WINDOW_SIZE, 63)),
    ]
    forged = bytes((FORGERY, 0, 20)) + bytes(30)
    asked = [
        bytes((REQUEST, 0, 20, i % 4, i % 2, i)) + inner for i, inner in enumerate(questions())
    ]
    return [bytes((OPTION,)) + value for value in values] + [made, *windows, forged, *asked]
