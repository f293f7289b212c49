"""The CoAP endpoint: what happens with a datagram, from its bytes to the bytes of its answer.

    decode -> known already? -> OSCORE -> replay window known? -> resource -> role -> handle ->
    answer

Rules:

1. In plain text only two things are answered: discovery, which says nothing about the car, and
   over the cable pairing. Errors in plain text go to confirmable requests only, so that no
   multicast or forged NON makes the gateway talk.
2. After a reboot the replay window is unknown: the first request of a context is answered with
   4.01 and an Echo option; when that value comes back, its request is served and the window known.
3. A resource that acts asks for a fresh Echo itself (it answers CHALLENGE), for a repeated command
   is answered without.
4. An answer that takes longer than 500 ms is announced by an empty ACK and sent as a confirmable
   message of its own.
5. What an answer depends on is durable before it leaves (`Request.after`).
6. Discovery by multicast is answered up to half a second later, so that not all boards answer at
   once. No more than 8 answers wait for that.

Source: RFC 7252 sections 4 and 5, RFC 7641, RFC 7959, RFC 8613 section 8, RFC 9175.
"""

from gateway.coap import block, message
from gateway.coap.message import encode_uint
from gateway.coap.numbers import (
    ACK,
    BAD_OPTION,
    BAD_REQUEST,
    BLOCK2,
    CHANGED,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    ECHO,
    EMPTY,
    ETAG,
    FORBIDDEN,
    MAX_AGE,
    METHOD_NOT_ALLOWED,
    NON,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OBSERVE,
    OSCORE,
    REQUEST_ENTITY_TOO_LARGE,
    RST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
)
from gateway.coap.reliability import Deduplicator, Retransmitter
from gateway.const import const
from gateway.errors import (
    AuthenticationError,
    BusyError,
    CommandError,
    DecodeError,
    NonceError,
    ReplayError,
)
from gateway.observers import Observers
from gateway.oscore import option
from gateway.oscore.protection import protect_response, unprotect_request
from gateway.request import MAX_BLOCK_BYTES, MAX_BLOCK_SZX, Request, diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from gateway.coap.message import Options
    from gateway.observers import Observer
    from gateway.request import Answer
    from gateway.vault.keys import Keys
    from gateway.vault.records import Records

    Snapshot = tuple[bytes, list[bytes], bytes]  # kid, path and payload of the request

# What a resource answers when it wants a fresh Echo.
CHALLENGE: "Answer" = (UNAUTHORIZED, [], b"")

MAX_DATAGRAM_BYTES = 640  # a block of 512 bytes, and what stands around it

_ACK_DELAY_MS = const(500)
_SNAPSHOTS = const(8)
_MAX_DELAYED = const(8)
_MAX_WITHOUT_NUMBER = const(8)


class Endpoint:
    """Takes datagrams and gives datagrams; `resources` is {first segment of the path: resource}.

    A resource has `roles`, {method: least role}, and `handle(request)`, which returns an answer or
    None if `respond` will be called later; one that can be observed has `version(request)` too.
    Those in `open_resources` are served in plain text, and have no `roles`.
    """

    def __init__(self, keys: "Keys", records: "Records", random: "Callable[[int], bytes]") -> None:
        self.resources: dict[bytes, Any] = {}
        self.open_resources: dict[bytes, Any] = {}
        self.counters = {
            "requests": 0,
            "malformed": 0,
            "oversized": 0,
            "unknown_key": 0,
            "bad_tag": 0,
            "replayed": 0,
            "repeated": 0,
            "challenged": 0,
            "denied": 0,
        }
        self._keys = keys
        self._records = records
        self._random = random
        self._seen = Deduplicator()
        self._retransmitter = Retransmitter()
        self._observers = Observers()
        self._message_id = int.from_bytes(random(2), "big")
        self._etag = int.from_bytes(random(2), "big")
        self._pending: list[Request] = []  # confirmable, without an answer yet
        self._held: list[tuple[int, Request, int, int, bytes, Observer | None]] = []
        self._without_number: list[tuple[int, Request, Answer, Observer | None]] = []
        self._snapshots: list[tuple[Snapshot, bytes, Answer]] = []
        self._delayed: list[tuple[int, bytes, Hashable]] = []
        self._out: list[tuple[bytes, Hashable]] = []

    def take(self) -> "list[tuple[bytes, Hashable]]":
        """Return the datagrams to send now."""
        out = self._out
        if out:
            self._out = []
        return out

    def receive(self, data: bytes, peer: "Hashable", now_ms: int, on_cable: bool) -> None:
        """Take a datagram."""
        if len(data) > MAX_DATAGRAM_BYTES:
            self.counters["oversized"] += 1
            return
        try:
            kind, code, message_id, token, options, payload = message.decode_fields(data)
        except DecodeError:
            self.counters["malformed"] += 1
            if len(data) >= 4 and data[0] & 0xF0 == 0x40:  # confirmable: RFC 7252 section 4.2
                self._reject(data[2] << 8 | data[3], peer)
            return
        if kind >= ACK:  # or RST
            self._end(peer, message_id, kind == RST)
            return
        if code == EMPTY or code >= 32:  # a ping, or a response to a question we never ask
            if kind == CON:
                self._reject(message_id, peer)
            return
        request = Request(kind == CON, message_id, token, peer, now_ms, on_cable)
        answer = self._seen.answer(request.exchange)
        if answer is not None:
            self.counters["repeated"] += 1
            if answer:
                self._out.append((answer, peer))
            return
        for number, value in options:
            if number == OSCORE:
                self._receive_protected(request, value, payload)
                return
        self._receive_plain(request, code, options, payload)

    def respond(self, request: Request, answer: "Answer", now_ms: int) -> None:
        """Answer a request whose resource returned None."""
        request.now_ms = now_ms
        self._answer(request, answer, None)

    def saved(self, now_ms: int) -> None:
        """Send what waited for a record to become durable."""
        acknowledged = self._records.acknowledged
        if self._without_number and self._without_number[0][0] <= acknowledged:
            waiting = self._without_number
            self._without_number = []
            for _, request, answer, observer in waiting:
                request.now_ms = now_ms
                self._answer(request, answer, observer)
        if self._held:
            held = self._held
            self._held = []
            for waiting_answer in held:
                after, request, kind, message_id, data, observer = waiting_answer
                if after <= acknowledged:
                    request.now_ms = now_ms
                    self._send(request, kind, message_id, data, observer)
                else:
                    self._held.append(waiting_answer)

    def handle_timer(self, now_ms: int) -> None:
        """Acknowledge, send again and notify what is due."""
        for request in self._pending:
            if not request.is_acknowledged and now_ms >= request.ack_due_ms:
                request.is_acknowledged = True
                acknowledgement = message.encode_fields(
                    ACK, EMPTY, request.exchange[1], b"", [], b""
                )
                self._seen.remember(request.exchange, acknowledgement)
                self._out.append((acknowledgement, request.peer))
        again, given_up = self._retransmitter.due(now_ms)
        for unacknowledged in again:
            self._out.append((unacknowledged.data, unacknowledged.peer))
        for unacknowledged in given_up:
            if unacknowledged.about is not None:
                self._observers.drop(unacknowledged.about)
        for observer in self._observers.due(now_ms)[:1]:  # the others in calls of their own
            self._notify(observer, now_ms)
        while self._delayed and now_ms >= self._delayed[0][0]:
            _, data, peer = self._delayed.pop(0)
            self._out.append((data, peer))

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = self._retransmitter.next_timeout()
        due_ms = self._observers.next_timeout()
        if due_ms is not None and (first is None or due_ms < first):
            first = due_ms
        if self._delayed and (first is None or self._delayed[0][0] < first):
            first = self._delayed[0][0]
        for request in self._pending:
            if not request.is_acknowledged and (first is None or request.ack_due_ms < first):
                first = request.ack_due_ms
        return first

    def _receive_plain(
        self, request: Request, code: int, options: "Options", payload: bytes
    ) -> None:
        """Serve discovery and pairing, and nothing else."""
        try:
            request.read(code, options, payload)
        except DecodeError:
            self._plain_error(request, BAD_OPTION, "an option's value is malformed")
            return
        if request.unknown_option:
            self._plain_error(request, BAD_OPTION, f"option {request.unknown_option}")
            return
        resource = self.open_resources.get(b"/".join(request.segments))
        if resource is None:
            self.counters["denied"] += 1
            self._plain_error(request, UNAUTHORIZED, "OSCORE is needed here")
            return
        answer = resource.handle(request)
        if answer is not None:
            code, options, payload = answer
            if request.is_confirmable or code < BAD_REQUEST:
                self._transmit(request, code, options, payload, None)

    def _receive_protected(self, request: Request, value: bytes, ciphertext: bytes) -> None:
        """Verify a request, then serve it. Errors are answered as RFC 8613 section 8.2 says."""
        counters = self.counters
        try:
            piv, _, kid = option.decode(value)
            key = None if kid is None else self._keys.find(kid, request.now_ms)
            if key is None:
                counters["unknown_key"] += 1
                self._plain_error(request, UNAUTHORIZED, "Security context not found")
                return
            assert key.oscore is not None
            code, options, payload, request.protected = unprotect_request(
                key.oscore, piv, ciphertext
            )
        except ReplayError:
            counters["replayed"] += 1
            self._plain_error(request, UNAUTHORIZED, "Replay detected")
            return
        except AuthenticationError:
            counters["bad_tag"] += 1
            self._plain_error(request, BAD_REQUEST, "Decryption failed")
            return
        except DecodeError:
            counters["malformed"] += 1
            self._plain_error(request, BAD_OPTION, "Failed to decode COSE")
            return
        counters["requests"] += 1
        request.key = key
        self._seen.remember(request.exchange, b"")
        try:
            request.read(code, options, payload)
        except DecodeError as error:
            self._answer(request, diagnostic(BAD_OPTION, str(error)), None)
            return
        window = key.oscore.replay_window
        if request.echo is not None:
            request.is_fresh = key.is_fresh(request.echo, request.now_ms)
        if not window.is_known:
            if not request.is_fresh:
                self._challenge(request)
                return
            window.initialize(request.protected.sequence)
        change = self._keys.confirm(key)
        if change:
            request.after = change
        try:
            answer = self._serve(request)
        except (CommandError, DecodeError) as error:
            answer = diagnostic(BAD_REQUEST, str(error))
        except BusyError as error:
            answer = diagnostic(SERVICE_UNAVAILABLE, str(error))
            answer[1].append((MAX_AGE, b"\x01"))
        if answer is None:
            if request.is_confirmable and not request.is_acknowledged:
                request.ack_due_ms = request.now_ms + _ACK_DELAY_MS
                self._pending.append(request)
        elif answer is CHALLENGE:
            self._challenge(request)
        else:
            self._answer(request, answer, None)

    def _serve(self, request: Request) -> "Answer | None":
        """Find the resource, see whether the asker may, and let it handle the request."""
        segments = request.segments
        resource = self.resources.get(segments[0]) if segments else None
        if resource is None or len(segments) != resource.segments:
            return diagnostic(NOT_FOUND, "no such resource")
        if request.unknown_option:
            return diagnostic(BAD_OPTION, f"option {request.unknown_option}")
        if request.block1 is not None and block.decode(request.block1)[:2] != (0, False):
            return diagnostic(REQUEST_ENTITY_TOO_LARGE, "a request of one block at most")
        least_role = resource.roles.get(request.code)
        if least_role is None:
            return diagnostic(METHOD_NOT_ALLOWED, "no such method here")
        assert request.key is not None
        if request.key.principal.role < least_role:
            self.counters["denied"] += 1
            return diagnostic(FORBIDDEN, "this key may not do that")
        if request.block2 is not None:
            later = self._later_block(request)
            if later is not None:
                return later
        answer: Answer | None = resource.handle(request)
        if answer is None or answer[0] != CONTENT:
            return answer
        has_more = type(answer[2]) is list
        if has_more or request.block2 is not None:
            answer = self._cut(request, answer)
        if request.accept >= 0 and (CONTENT_FORMAT, encode_uint(request.accept)) not in answer[1]:
            return diagnostic(NOT_ACCEPTABLE, "another content format")
        if request.observe == 0 and hasattr(resource, "version"):
            observer = self._observers.add(request, resource)
            if observer is not None:
                observer.told(request.now_ms, has_more)
                self._answer(request, answer, observer)
                return None
        elif request.observe == 1:
            self._observers.remove(request)
        return answer

    def _challenge(self, request: Request) -> None:
        """Ask the sender to prove that the request was made now."""
        self.counters["challenged"] += 1
        value = request.known_key.challenge(self._random, request.now_ms)
        self._answer(request, (UNAUTHORIZED, [(ECHO, value)], b""), None)

    def _notify(self, observer: "Observer", now_ms: int) -> None:
        request = observer.request
        request.now_ms = now_ms
        observer.told_ms = now_ms  # whatever fails below is not tried again at once
        answer = observer.resource.handle(request)
        assert answer is not None
        request.is_confirmable = observer.told(now_ms, type(answer[2]) is list)
        answer = self._cut(request, answer)
        request.is_acknowledged = True
        self._answer(request, answer, observer)

    def _answer(self, request: Request, answer: "Answer", observer: "Observer | None") -> None:
        """Protect an answer, with a number of our own where the request lends no nonce."""
        code, options, payload = answer
        if self._pending and request in self._pending:
            self._pending.remove(request)
        key = request.key
        protected = request.protected
        if protected is None:
            self._transmit(request, code, options, payload, None)
            return
        assert key is not None
        assert key.oscore is not None
        with_piv = observer is not None or not protected.lends_nonce
        after = self._keys.reserve(key) if with_piv else 0
        if observer is not None:
            options = sorted(options + [(OBSERVE, b"")])
        try:
            value, ciphertext = protect_response(
                key.oscore, protected, code, options, payload, with_piv
            )
        except NonceError:
            if after:  # else the numbers are used up: nothing more can be said with this key
                waiting = self._without_number[1 - _MAX_WITHOUT_NUMBER :]
                self._without_number = waiting + [(after, request, answer, observer)]
            return
        outer: Options = [(OSCORE, value)]
        if observer is None:
            outer_code = CHANGED
        else:
            outer = [(OBSERVE, encode_uint(observer.number)), (OSCORE, value)]
            outer_code = CONTENT
        self._transmit(request, outer_code, outer, ciphertext, observer)

    def _transmit(
        self,
        request: Request,
        code: int,
        options: "Options",
        payload: bytes,
        observer: "Observer | None",
    ) -> None:
        """Choose the message's type and id: a piggybacked ACK, or a message of its own."""
        if request.is_confirmable and not request.is_acknowledged:
            kind, message_id = ACK, request.exchange[1]
            request.is_acknowledged = True
        else:
            self._message_id = (self._message_id + 1) & 0xFFFF
            kind, message_id = CON if request.is_confirmable else NON, self._message_id
        data = message.encode_fields(kind, code, message_id, request.token, options, payload)
        if request.after > self._records.acknowledged:
            self._held.append((request.after, request, kind, message_id, data, observer))
        else:
            self._send(request, kind, message_id, data, observer)

    def _send(
        self,
        request: Request,
        kind: int,
        message_id: int,
        data: bytes,
        observer: "Observer | None",
    ) -> None:
        peer = request.peer
        if kind == CON:
            jitter = self._random(1)[0]
            self._retransmitter.add(data, peer, message_id, observer, jitter, request.now_ms)
        elif kind == ACK and (request.key is not None or request.on_cable):
            self._seen.remember(request.exchange, data)
        if observer is not None:
            observer.message_id = message_id
        if request.key is None and kind == NON:
            if len(self._delayed) == _MAX_DELAYED:
                return
            due_ms = request.now_ms + 2 * self._random(1)[0]
            self._delayed.append((due_ms, data, peer))
            self._delayed.sort(key=_due_ms)
        else:
            self._out.append((data, peer))

    def _cut(self, request: Request, answer: "Answer") -> "Answer":
        """Return what fits one datagram, and keep the whole for the blocks asked for next.

        Raises:
            DecodeError: there is no such block.
        """
        code, options, payload = answer
        szx = MAX_BLOCK_SZX
        num = 0
        if request.block2 is not None:
            num, szx = _asked_block(request.block2)
        elif type(payload) is bytes:
            return answer
        part, more = cut(payload, num, szx)
        extra = [(BLOCK2, block.encode(num, more, szx))]
        if more or num:
            self._etag = (self._etag + 1) & 0xFFFF
            etag = self._etag.to_bytes(2, "big")
            extra.append((ETAG, etag))
            snapshot = (request.known_key.kid, request.segments, request.payload)
            kept = [old for old in self._snapshots if old[0] != snapshot]
            self._snapshots = kept[1 - _SNAPSHOTS :] + [(snapshot, etag, answer)]
        return code, sorted(options + extra), part

    def _later_block(self, request: Request) -> "Answer | None":
        """Return a later block of the representation whose first one was sent, None if it is gone.

        Raises:
            DecodeError: there is no such block.
        """
        assert request.block2 is not None
        num, szx = _asked_block(request.block2)
        if num == 0:
            return None
        wanted = (request.known_key.kid, request.segments, request.payload)
        for snapshot, etag, (code, options, payload) in self._snapshots:
            if snapshot == wanted:
                part, more = cut(payload, num, szx)
                if not more:
                    self._observers.has_read(request)
                extra = [(ETAG, etag), (BLOCK2, block.encode(num, more, szx))]
                return code, sorted(options + extra), part
        return None

    def _plain_error(self, request: Request, code: int, text: str) -> None:
        if request.is_confirmable:
            _, options, payload = diagnostic(code, text)
            if code == UNAUTHORIZED:
                options = [(MAX_AGE, b"")]
            self._transmit(request, code, options, payload, None)

    def _reject(self, message_id: int, peer: "Hashable") -> None:
        self._out.append((message.encode_fields(RST, EMPTY, message_id, b"", [], b""), peer))

    def _end(self, peer: "Hashable", message_id: int, is_reset: bool) -> None:
        """Take note that a message of ours was acknowledged or rejected."""
        ended = self._retransmitter.end(peer, message_id)
        if is_reset:
            self._observers.reset(peer, message_id)
            if ended is not None and ended.about is not None:
                self._observers.drop(ended.about)


def cut(payload: "bytes | list[bytes]", num: int, szx: int) -> "tuple[bytes, bool]":
    """Return block num of a payload, which may come in pieces, and whether more follow.

    Raises:
        DecodeError: there is no such block.
    """
    if isinstance(payload, bytes):
        return block.cut(payload, num, szx)
    piece, offset = divmod(num << szx + 4, MAX_BLOCK_BYTES)
    if piece >= len(payload):
        raise DecodeError("no such block")
    part, more = block.cut(payload[piece], offset >> szx + 4, szx)
    return part, more or piece + 1 < len(payload)


def _asked_block(value: bytes) -> "tuple[int, int]":
    """Return (num, szx) of the block of ours that begins where the asked one does.

    Raises:
        DecodeError: no Block option's value.
    """
    num, _, szx = block.decode(value)
    return (num << szx - MAX_BLOCK_SZX, MAX_BLOCK_SZX) if szx > MAX_BLOCK_SZX else (num, szx)


def _due_ms(delayed: "tuple[int, bytes, Hashable]") -> int:
    return delayed[0]
