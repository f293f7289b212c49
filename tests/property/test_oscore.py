"""OSCORE over any input: one cipher with OpenSSL's, no nonce twice, no request twice."""

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import DecodeError, GatewayError, NonceError, ReplayError
from gateway.oscore import option
from gateway.oscore.client import SentRequest, protect_request, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.protection import ProtectedRequest, protect_response, unprotect_request
from gateway.oscore.replay_window import WINDOW_SIZE, ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from tests.aes import RecordingAES
from tests.differential import oscore as here
from tests.vm import Both

MODULE = "tests.differential.oscore"
ECHO = 252

keys = st.binary(min_size=16, max_size=16)
nonces = st.binary(min_size=13, max_size=13)
ids = st.binary(max_size=7)
sequences = st.integers(0, (1 << 40) - 2000) | st.sampled_from([0, 255, 256, 65535, 1 << 30])
options = st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=300)), max_size=4).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)
# A payload of no bytes and none at all are the same; two texts are one block and more.
payloads = st.binary(max_size=70)


@settings(max_examples=60, deadline=None)
@given(keys, nonces, st.binary(max_size=70), st.binary(max_size=300), st.sampled_from([4, 8, 16]))
def test_ccm_agrees_with_openssl(
    both: Both, key: bytes, nonce: bytes, data: bytes, plaintext: bytes, tag_bytes: int
) -> None:
    sealed = both(MODULE, "seal", key, nonce, data, plaintext, tag_bytes)
    assert sealed == AESCCM(key, tag_bytes).encrypt(nonce, plaintext, data)
    assert both(MODULE, "open_", key, nonce, data, sealed, tag_bytes) == plaintext


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=20))
def test_option_decodes_to_what_encodes_to_it_or_raises(both: Both, value: bytes) -> None:
    try:
        fields = both("gateway.oscore.option", "decode", value)
    except DecodeError:
        return
    assert isinstance(fields, tuple)
    assert option.encode(*fields) == value


@settings(max_examples=100)
@given(
    st.none() | st.binary(min_size=1, max_size=5).filter(lambda piv: piv == b"\0" or piv[0] != 0),
    st.none() | st.binary(max_size=255),
    st.none() | ids,
)
def test_option_is_carried(
    piv: bytes | None, kid_context: bytes | None, kid: bytes | None
) -> None:
    fields = (piv, kid_context, kid)
    assert option.decode(option.encode(*fields)) == fields


@settings(max_examples=200, deadline=None)
@given(
    st.none() | st.integers(0, 60),
    st.lists(st.integers(-40, 3) | st.integers(1, 70), min_size=20, max_size=60),
)
def test_window_agrees_with_a_set(both: Both, start: int | None, steps: list[int]) -> None:
    """Offer numbers around the highest one so far, each `step` away from it."""
    seen = set() if start is None else set(range(start + 1))
    offered, verdicts = [], []
    for step in steps:
        highest = max(seen, default=-1)
        sequence = max(highest + step, 0)
        is_new = sequence not in seen and sequence > highest - WINDOW_SIZE
        if is_new:
            seen.add(sequence)
        offered.append(sequence)
        verdicts.append(is_new)
    assert both(MODULE, "window_verdicts", start, offered) == verdicts


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=64),
    st.binary(max_size=64),
    st.lists(ids, min_size=2, max_size=2, unique=True),
    st.none() | st.binary(max_size=255),
    sequences,
    options,
    payloads,
    st.booleans(),
)
def test_messages_are_carried(
    both: Both,
    secret: bytes,
    salt: bytes,
    parties: list[bytes],
    id_context: bytes | None,
    sequence: int,
    inner: list[tuple[int, bytes]],
    payload: bytes,
    with_piv: bool,
) -> None:
    client = (secret, salt, parties[0], parties[1], id_context)
    server = (secret, salt, parties[1], parties[0], id_context)
    request = both(MODULE, "protect_request", client, sequence, 1, inner, payload)
    assert isinstance(request, tuple)
    assert both(MODULE, "unprotect_request", server, *request) == (1, inner, payload)
    arguments = server, request, 0x45, inner, payload, with_piv
    response = both(MODULE, "protect_response", *arguments)
    assert isinstance(response, tuple)
    received = both(MODULE, "unprotect_response", client, sequence, *response)
    assert received == (0x45, inner, payload)


@settings(max_examples=200)
@given(st.none() | st.binary(min_size=1, max_size=5), st.binary(max_size=60))
def test_garbage_raises_only_our_errors(piv: bytes | None, ciphertext: bytes) -> None:
    server = here.make_context((b"secret", b"", b"\x01", b"", None))
    try:
        unprotect_request(server, piv, ciphertext)
    except GatewayError:
        assert server.replay_window.is_new(0)
    else:
        raise AssertionError("garbage was authentic")


class World:
    """A client, a server that loses power, and a network that repeats and reorders."""

    def __init__(self) -> None:
        self.stored_limit = 0
        self.boots = 0
        self.captured: list[tuple[bytes, bytes, SentRequest]] = []
        self.received: list[tuple[int, ProtectedRequest]] = []
        self.served: list[int] = []
        self.echo = b""
        self.nonces: list[bytes] = []
        self.client = self.make(b"\x01", b"\x02", 0, is_known=True)
        self.client.sender_sequence.reserved(1 << 20)
        self.server = self.make(b"\x02", b"\x01", 0, is_known=True)

    def make(self, sender_id: bytes, recipient_id: bytes, limit: int, is_known: bool) -> Context:
        numbers, window = SenderSequence(limit), ReplayWindow(is_known)
        return Context(RecordingAES, b"key", b"", sender_id, recipient_id, None, numbers, window)

    def ask(self, _index: int, _flag: bool) -> None:
        """Let the client send a request with the Echo value it heard last."""
        self.captured.append(protect_request(self.client, 2, [(ECHO, self.echo)], b""))

    def deliver(self, index: int, _flag: bool) -> None:
        """Let the server hear a request, sent now or long ago, for the first time or again."""
        if not self.captured:
            return
        index %= len(self.captured)
        value, ciphertext, _ = self.captured[index]
        window = self.server.replay_window
        was_known = window.is_known
        try:
            _, inner, _, request = unprotect_request(
                self.server, option.decode(value)[0], ciphertext
            )
        except ReplayError:
            assert was_known
            return
        self.received.append((index, request))
        if not was_known:
            if inner != [(ECHO, b"boot %d" % self.boots)]:
                return
            window.initialize(request.sequence)
        self.served.append(index)

    def answer(self, index: int, with_piv: bool) -> None:
        """Answer a request heard since the boot, for the first time or again, or challenge it."""
        if not self.received:
            return
        asked, request = self.received[index % len(self.received)]
        lends_nonce = request.lends_nonce
        try:
            response = protect_response(self.server, request, 0x44, [], b"", with_piv)
        except NonceError:
            assert with_piv or not lends_nonce
            return
        assert with_piv or lends_nonce
        try:
            unprotect_response(self.client, self.captured[asked][2], *response)
        except ReplayError:
            return
        self.echo = b"boot %d" % self.boots

    def save(self, _index: int, is_acknowledged: bool) -> None:
        """Save a reservation; the power may go before the server hears of it."""
        reservation = self.server.sender_sequence.reservation
        if reservation is not None:
            self.stored_limit = reservation
            if is_acknowledged:
                self.server.sender_sequence.reserved(reservation)

    def reboot(self, _index: int, _flag: bool) -> None:
        self.note_nonces()
        self.received = []
        self.boots += 1
        self.server = self.make(b"\x02", b"\x01", self.stored_limit, is_known=False)

    def note_nonces(self) -> None:
        """Remember which nonces the server sealed with since it booted."""
        cipher = self.server.sender.cipher
        assert isinstance(cipher, RecordingAES)
        self.nonces += cipher.nonces


STEPS = [World.ask, World.deliver, World.deliver, World.answer, World.answer, World.save]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*STEPS, *STEPS, World.reboot]), st.integers(0), st.booleans()),
        min_size=20,
        max_size=100,
    )
)
def test_no_nonce_and_no_request_serves_twice(
    steps: list[tuple[Callable[[World, int, bool], None], int, bool]],
) -> None:
    world = World()
    for step, index, flag in steps:
        step(world, index, flag)
    world.note_nonces()
    assert len(world.nonces) == len(set(world.nonces))
    assert len(world.served) == len(set(world.served))
