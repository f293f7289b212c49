"""Answers on their way out: sealed, typed, held back until they may leave, and sent again.

Rules:

1. An answer borrows its request's nonce if that is still to be had; all others bring a Partial IV
   of our own, and wait until storage knows of it.
2. An answer that takes longer than 500 ms is announced by an empty ACK and sent as a confirmable
   message of its own.
3. What an answer depends on is durable before it leaves (`Request.after`).
4. Discovery by multicast is answered up to half a second later, so that not all boards answer at
   once. No more than 8 answers wait for that.

Source: RFC 7252 sections 4 and 5, RFC 8613 section 8.3.
"""

from gateway.coap.message import encode_fields, encode_uint
from gateway.coap.numbers import ACK, CHANGED, CON, CONTENT, EMPTY, NON, OBSERVE, OSCORE, RST
from gateway.coap.reliability import Deduplicator, Retransmitter
from gateway.const import const
from gateway.errors import NonceError
from gateway.oscore.ccm import TAG_BYTES
from gateway.oscore.protection import protect_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from gateway.coap.message import Options
    from gateway.coap.reliability import Unacknowledged
    from gateway.observers import Observer
    from gateway.request import Answer, Request
    from gateway.vault.keys import Keys
    from gateway.vault.records import Records

_ACK_DELAY_MS = const(500)
_MAX_DELAYED = const(8)
_MAX_WITHOUT_NUMBER = const(8)
_OUTER_BYTES = const(6)  # the header, an OSCORE option of no bytes, and the payload's marker


class Answers:
    """Takes answers to requests and gives datagrams.

    Attributes:
        seen: the requests that were answered, for whoever meets a copy.
        out: the datagrams to send now, each with its peer.
    """

    def __init__(self, keys: "Keys", records: "Records", random: "Callable[[int], bytes]") -> None:
        self.seen = Deduplicator()
        self.out: list[tuple[bytes, Hashable]] = []
        self._keys = keys
        self._records = records
        self._random = random
        self._retransmitter = Retransmitter()
        self._message_id = int.from_bytes(random(2), "big")
        self._pending: list[Request] = []  # confirmable, without an answer yet
        self._held: list[tuple[int, Request, int, int, bytes, Observer | None]] = []
        self._without_number: list[tuple[int, Request, Answer, Observer | None]] = []
        self._delayed: list[tuple[int, bytes, Hashable]] = []

    def expect(self, request: "Request") -> None:
        """Acknowledge a request in 500 ms, unless it is answered before."""
        if request.is_confirmable and not request.is_acknowledged:
            request.ack_due_ms = request.now_ms + _ACK_DELAY_MS
            self._pending.append(request)

    def reject(self, message_id: int, peer: "Hashable") -> None:
        """Answer a message with RST."""
        self.out.append((encode_fields(RST, EMPTY, message_id, b"", [], b""), peer))

    def room(self, request: "Request") -> int:
        """Return how many bytes an answer may seal, to be no larger than its request."""
        protected = request.protected
        assert protected is not None
        overhead = _OUTER_BYTES + len(request.token) + TAG_BYTES
        if not protected.lends_nonce:
            context = request.known_key.oscore
            assert context is not None
            overhead += 1 + context.sender_sequence.piv_bytes
        return request.size - overhead

    def answer(
        self, request: "Request", answer: "Answer", observer: "Observer | None" = None
    ) -> None:
        """Protect an answer, with a number of our own where the request lends no nonce."""
        code, options, payload = answer
        if self._pending and request in self._pending:
            self._pending.remove(request)
        key = request.key
        protected = request.protected
        if protected is None:
            self.transmit(request, code, options, payload, None)
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
        self.transmit(request, outer_code, outer, ciphertext, observer)

    def transmit(
        self,
        request: "Request",
        code: int,
        options: "Options",
        payload: bytes,
        observer: "Observer | None" = None,
    ) -> None:
        """Send a message that needs no more protection.

        It is a piggybacked ACK, or a message of its own.
        """
        if request.is_confirmable and not request.is_acknowledged:
            kind, message_id = ACK, request.exchange[0]
            request.is_acknowledged = True
        else:
            self._message_id = (self._message_id + 1) & 0xFFFF
            kind, message_id = CON if request.is_confirmable else NON, self._message_id
        _, token, peer = request.exchange
        data = encode_fields(kind, code, message_id, token, options, payload)
        if request.after > self._records.acknowledged:
            self._held.append((request.after, request, kind, message_id, data, observer))
        elif kind == ACK and observer is None and request.key is not None:  # as `_send` does it
            self.seen.remember(request.exchange, data)
            self.out.append((data, peer))
        else:
            self._send(request, kind, message_id, data, observer)

    def saved(self, now_ms: int) -> None:
        """Send what waited for a record to become durable."""
        acknowledged = self._records.acknowledged
        if self._without_number and self._without_number[0][0] <= acknowledged:
            waiting = self._without_number
            self._without_number = []
            for _, request, answer, observer in waiting:
                request.now_ms = now_ms
                self.answer(request, answer, observer)
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

    def find(self, peer: "Hashable", message_id: int) -> "Unacknowledged | None":
        """Return a message of ours that is not acknowledged yet."""
        return self._retransmitter.find(peer, message_id)

    def end(self, unacknowledged: "Unacknowledged") -> None:
        """Take note that a message was acknowledged or rejected."""
        self._retransmitter.end(unacknowledged)

    def forget(self, kid: bytes) -> None:
        """Send a key nothing more."""
        self._pending = [request for request in self._pending if not _is_for(request, kid)]
        self._held = [held for held in self._held if not _is_for(held[1], kid)]
        self._without_number = [
            waiting for waiting in self._without_number if not _is_for(waiting[1], kid)
        ]
        self._retransmitter.forget(lambda request: _is_for(request, kid))

    def handle_timer(self, now_ms: int) -> "list[Request]":
        """Acknowledge and send again what is due; return what gave up being acknowledged."""
        for request in self._pending:
            if not request.is_acknowledged and now_ms >= request.ack_due_ms:
                request.is_acknowledged = True
                acknowledgement = encode_fields(ACK, EMPTY, request.exchange[0], b"", [], b"")
                self.seen.remember(request.exchange, acknowledgement)
                self.out.append((acknowledgement, request.peer))
        again, given_up = self._retransmitter.due(now_ms)
        for unacknowledged in again:
            self.out.append((unacknowledged.data, unacknowledged.peer))
        while self._delayed and now_ms >= self._delayed[0][0]:
            _, data, peer = self._delayed.pop(0)
            self.out.append((data, peer))
        return [unacknowledged.about for unacknowledged in given_up]

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = self._retransmitter.next_timeout()
        if self._delayed and (first is None or self._delayed[0][0] < first):
            first = self._delayed[0][0]
        for request in self._pending:
            if not request.is_acknowledged and (first is None or request.ack_due_ms < first):
                first = request.ack_due_ms
        return first

    def _send(
        self,
        request: "Request",
        kind: int,
        message_id: int,
        data: bytes,
        observer: "Observer | None",
    ) -> None:
        peer = request.peer
        if kind == CON:
            jitter = self._random(1)[0]
            self._retransmitter.add(data, peer, message_id, request, jitter, request.now_ms)
        elif kind == ACK and (request.key is not None or request.source is None):
            self.seen.remember(request.exchange, data)
        if observer is not None:
            observer.message_id = message_id
        if request.key is None and kind == NON:
            if len(self._delayed) == _MAX_DELAYED:
                return
            due_ms = request.now_ms + 2 * self._random(1)[0]
            self._delayed.append((due_ms, data, peer))
            self._delayed.sort(key=_due_ms)
        else:
            self.out.append((data, peer))


def _is_for(request: "Request", kid: bytes) -> bool:
    return request.key is not None and request.key.kid == kid


def _due_ms(delayed: "tuple[int, bytes, Hashable]") -> int:
    return delayed[0]
