"""The CoAP endpoint: what happens with a datagram, from its bytes to its answer.

    decode -> known already? -> OSCORE -> replay window known? -> resource -> role -> handle ->
    answer (gateway/answers.py)

Rules:

1. In plain text only two things are answered: discovery, which says nothing about the car, and
   over the cable pairing. Errors in plain text go to confirmable requests only, so that no
   multicast or forged NON makes the gateway talk.
2. After a reboot the replay window is unknown: the first request of a context is answered with
   4.01 and an Echo option; when that value comes back, its request is served and the window known.
3. A resource that acts asks for a fresh Echo itself (it answers CHALLENGE), for a repeated command
   is answered without.

Source: RFC 7252 sections 4 and 5, RFC 7641, RFC 7959, RFC 8613 section 8, RFC 9175.
"""

from gateway.answers import Answers
from gateway.blocks import Snapshots
from gateway.coap import block, message
from gateway.coap.message import encode_uint
from gateway.coap.numbers import (
    ACK,
    BAD_OPTION,
    BAD_REQUEST,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    ECHO,
    EMPTY,
    FORBIDDEN,
    MAX_AGE,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OSCORE,
    REQUEST_ENTITY_TOO_LARGE,
    RST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
)
from gateway.errors import (
    AuthenticationError,
    BusyError,
    CommandError,
    DecodeError,
    ReplayError,
)
from gateway.observers import Observers
from gateway.oscore import option
from gateway.oscore.protection import unprotect_request
from gateway.request import Request, diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from gateway.coap.message import Options
    from gateway.observers import Observer
    from gateway.request import Answer
    from gateway.vault.keys import Keys
    from gateway.vault.records import Records

# What a resource answers when it wants a fresh Echo.
CHALLENGE: "Answer" = (UNAUTHORIZED, [], b"")

MAX_DATAGRAM_BYTES = 640  # a block of 512 bytes, and what stands around it


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
        self._random = random
        self._answers = Answers(keys, records, random)
        self._seen = self._answers.seen
        self._answer = self._answers.answer
        self._observers = Observers()
        self._snapshots = Snapshots(random)

    def saved(self, now_ms: int) -> None:
        """Send what waited for a record to become durable."""
        self._answers.saved(now_ms)

    def take(self) -> "list[tuple[bytes, Hashable]]":
        """Return the datagrams to send now."""
        answers = self._answers
        out = answers.out
        if out:
            answers.out = []
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
                self._answers.reject(data[2] << 8 | data[3], peer)
            return
        if kind >= ACK:  # or RST
            self._end(peer, message_id, kind == RST)
            return
        if code == EMPTY or code >= 32:  # a ping, or a response to a question we never ask
            if kind == CON:
                self._answers.reject(message_id, peer)
            return
        request = Request(kind == CON, message_id, token, peer, now_ms, on_cable)
        answer = self._seen.answer(request.exchange)
        if answer is not None:
            self.counters["repeated"] += 1
            if answer:
                self._answers.out.append((answer, peer))
            return
        for number, value in options:
            if number == OSCORE:
                self._receive_protected(request, value, payload)
                return
        self._receive_plain(request, code, options, payload)

    def respond(self, request: Request, answer: "Answer", now_ms: int) -> None:
        """Answer a request whose resource returned None."""
        request.now_ms = now_ms
        self._answer(request, answer)

    def handle_timer(self, now_ms: int) -> None:
        """Acknowledge, send again and notify what is due."""
        for observer in self._answers.handle_timer(now_ms):
            self._observers.drop(observer)
        for observer in self._observers.due(now_ms)[:1]:  # the others in calls of their own
            self._notify(observer, now_ms)

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = self._answers.next_timeout()
        due_ms = self._observers.next_timeout()
        if due_ms is not None and (first is None or due_ms < first):
            first = due_ms
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
                self._answers.transmit(request, code, options, payload)

    def _receive_protected(self, request: Request, value: bytes, ciphertext: bytes) -> None:
        """Verify a request, then serve it. Errors are answered as RFC 8613 section 8.2 says."""
        counters = self.counters
        try:
            piv, kid_context, kid = option.decode(value)
            key = None if kid is None else self._keys.find(kid, kid_context, request.now_ms)
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
            self._answer(request, diagnostic(BAD_OPTION, str(error)))
            return
        window = key.oscore.replay_window
        if request.echo is not None:
            request.is_fresh = key.is_fresh(request.echo, request.now_ms)
        if not window.is_known:
            if not request.is_fresh:
                self._challenge(request)
                return
            window.initialize(request.protected.sequence)
        change = self._keys.confirm(key, request.now_ms)
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
            self._answers.expect(request)
        elif answer is CHALLENGE:
            self._challenge(request)
        else:
            self._answer(request, answer)

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
        principal = request.key.principal
        if not principal.may(segments[0], request.code, least_role, request.now_ms):
            self.counters["denied"] += 1
            return diagnostic(FORBIDDEN, principal.why_not(request.now_ms))
        if request.block2 is not None:
            later = self._snapshots.later_block(request)
            if later is not None:
                block_answer, more = later
                if not more:
                    self._observers.has_read(request)
                return block_answer
        answer: Answer | None = resource.handle(request)
        if answer is None or answer[0] != CONTENT:
            return answer
        has_more = type(answer[2]) is list
        if has_more or request.block2 is not None:
            answer = self._snapshots.cut(request, answer)
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
        self._answer(request, (UNAUTHORIZED, [(ECHO, value)], b""))

    def _notify(self, observer: "Observer", now_ms: int) -> None:
        request = observer.request
        request.now_ms = now_ms
        observer.told_ms = now_ms  # whatever fails below is not tried again at once
        answer = observer.resource.handle(request)
        assert answer is not None
        request.is_confirmable = observer.told(now_ms, type(answer[2]) is list)
        answer = self._snapshots.cut(request, answer)
        request.is_acknowledged = True
        self._answer(request, answer, observer)

    def _plain_error(self, request: Request, code: int, text: str) -> None:
        if request.is_confirmable:
            _, options, payload = diagnostic(code, text)
            if code == UNAUTHORIZED:
                options = [(MAX_AGE, b"")]
            self._answers.transmit(request, code, options, payload)

    def _end(self, peer: "Hashable", message_id: int, is_reset: bool) -> None:
        """Take note that a message of ours was acknowledged or rejected."""
        observer = self._answers.end(peer, message_id)
        if is_reset:
            self._observers.reset(peer, message_id)
            if observer is not None:
                self._observers.drop(observer)
