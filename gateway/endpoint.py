"""The CoAP endpoint: what happens with a datagram, from its bytes to its answer.

    shut out? (gateway/limits.py) -> decode -> known already? -> OSCORE -> replay window known?
    -> resource -> role -> host proven? -> handle -> answer (gateway/answers.py)

Rules:

1. Whatever is not an authentic request is dealt with by `gateway.plain`, within the budget of the
   host that sent it.
2. A request is served once it is authentic, new, and no more than its key may make; and if
   it changes or observes something, only for a host that has proven its address (`gateway.proof`).
3. A resource that acts asks for a fresh Echo itself (it answers CHALLENGE), for a repeated command
   is answered without.
4. Anybody may forge an ACK or an RST. Either ends the repetition of the one message it names, if
   it comes from where that went; but no RST ends an observation: it only makes the next
   notification one that must be acknowledged.

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
    EMPTY,
    FETCH,
    FORBIDDEN,
    GET,
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
from gateway.limits import Limits, take_request
from gateway.observers import Observers
from gateway.oscore import option
from gateway.oscore.protection import unprotect_request
from gateway.plain import Plain
from gateway.proof import Proof
from gateway.request import Request, diagnostic
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from gateway.observers import Observer
    from gateway.request import Answer
    from gateway.vault.keys import Keys
    from gateway.vault.principals import Principal
    from gateway.vault.records import Records

# What a resource answers when it wants a fresh Echo.
CHALLENGE: "Answer" = (UNAUTHORIZED, [], b"")

_READS = (GET, FETCH)

MAX_DATAGRAM_BYTES = 640  # a block of 512 bytes, and what stands around it


class Endpoint:
    """Takes datagrams and gives datagrams; `resources` is {first segment of the path: resource}.

    A resource has `roles`, {method: least role}, and `handle(request)`, which returns an answer or
    None if `respond` will be called later; one that can be observed has `version(request)` too,
    and one with `takes_blocks` takes what comes by Block1, block by block.
    Those in `open_resources` are served in plain text, and have no `roles`.
    """

    def __init__(self, keys: "Keys", records: "Records", random: "Callable[[int], bytes]") -> None:
        self.resources: dict[bytes, Any] = {}
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
            "shut_out": 0,
            "throttled": 0,
            "unanswered": 0,
        }
        self._keys = keys
        self._limits = limits = Limits(keys)
        self._answers = Answers(keys, records, random)
        self._seen = self._answers.seen
        self._answer = self._answers.answer
        self._plain = Plain(self._answers, limits, self.counters)
        self._proof = Proof(self._answers, limits, random, self.counters)
        self._observers = Observers()
        self._snapshots = Snapshots(random)
        self.open_resources = self._plain.resources

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

    def receive(
        self, data: bytes, peer: "Hashable", now_ms: int, source: "bytes | str | None"
    ) -> bool:
        """Take a datagram; tell whether it was read. source: the host it is from, None: cable."""
        counters = self.counters
        limits = self._limits
        is_shutting = now_ms < limits.shut_ms and source is not None
        if is_shutting and limits.refuses(data, peer, source, now_ms):  # type: ignore[arg-type]
            counters["shut_out"] += 1
            return False
        if len(data) > MAX_DATAGRAM_BYTES:
            counters["oversized"] += 1
            self._plain.may_answer(peer, source, now_ms)
            return True
        try:
            kind, code, message_id, token, options, payload = message.decode_fields(data)
        except DecodeError:
            counters["malformed"] += 1
            is_confirmable = len(data) >= 4 and data[0] & 0xF0 == 0x40  # RFC 7252 section 4.2
            message_id = int.from_bytes(data[2:4], "big")
            self._plain.reject(message_id, peer, source, is_confirmable, now_ms)
            return True
        if kind >= ACK:  # or RST
            if not self._end(peer, message_id, kind == RST):
                self._plain.may_answer(peer, source, now_ms)
            return True
        if code == EMPTY or code >= 32:  # a ping, or a response to a question we never ask
            self._plain.reject(message_id, peer, source, kind == CON, now_ms)
            return True
        request = Request(kind == CON, message_id, token, peer, now_ms, source, len(data))
        answer = self._seen.answer(request.exchange)
        if answer is not None:
            counters["repeated"] += 1
            if self._plain.may_answer(peer, source, now_ms) and answer:
                self._answers.out.append((answer, peer))
            return True
        for number, value in options:
            if number == OSCORE:
                self._receive_protected(request, value, payload)
                return True
        self._plain.receive(request, code, options, payload)
        return True

    def respond(self, request: Request, answer: "Answer", now_ms: int) -> None:
        """Answer a request whose resource returned None."""
        request.now_ms = now_ms
        self._answer(request, answer)

    def forget(self, kid: bytes) -> None:
        """Tell a revoked key nothing more."""
        self._observers.forget(kid)
        self._snapshots.forget(kid)
        self._answers.forget(kid)

    def observing(self) -> "list[Principal]":
        """Return who observes something."""
        return self._observers.principals()

    def handle_timer(self, now_ms: int) -> None:
        """Acknowledge, send again and notify what is due."""
        for request in self._answers.handle_timer(now_ms):
            self._observers.drop(request)
        observer = self._observers.due(now_ms)  # the others in calls of their own
        if observer is not None:
            self._notify(observer, now_ms)

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = self._answers.next_timeout()
        due_ms = self._observers.next_timeout()
        if due_ms is not None and (first is None or due_ms < first):
            first = due_ms
        return first

    def _receive_protected(self, request: Request, value: bytes, ciphertext: bytes) -> None:
        """Verify a request, then serve it."""
        counters = self.counters
        try:
            piv, kid_context, kid = option.decode(value)
            key = None if kid is None else self._keys.find(kid, kid_context, request.now_ms)
            if key is None:
                counters["unknown_key"] += 1
                self._plain.refuse(request, UNAUTHORIZED, "Security context not found")
                return
            budget = key.budget
            if budget is not None and request.now_ms < budget.shut_ms:
                counters["throttled"] += 1
                return
            assert key.oscore is not None
            if key.challenged is not None:
                self._proof.check_new(key, piv)
            code, options, payload, request.protected = unprotect_request(
                key.oscore, piv, ciphertext
            )
        except ReplayError:
            counters["replayed"] += 1
            self._plain.refuse(request, UNAUTHORIZED, "Replay detected")
            return
        except AuthenticationError:
            counters["bad_tag"] += 1
            self._plain.refuse(request, BAD_REQUEST, "Decryption failed")
            return
        except DecodeError:
            counters["malformed"] += 1
            self._plain.refuse(request, BAD_OPTION, "Failed to decode COSE")
            return
        counters["requests"] += 1
        key.is_verified = True
        request.key = key
        self._seen.remember(request.exchange, b"")
        try:
            request.read(code, options, payload)
        except DecodeError as error:
            self._proof.answer(request, diagnostic(BAD_OPTION, str(error)))
            return
        if request.echo is None and key.oscore.replay_window.is_known:
            request.is_proven = request.source is None or request.source == key.source
        elif not self._proof.judge(request, key):
            self._proof.challenge(request)
            return
        change = self._keys.confirm(key, request.now_ms)
        if change:
            request.after = change
        try:
            if key.principal.rank < OWNER:
                take_request(key, request.now_ms)
            answer = self._serve(request)
        except (CommandError, DecodeError) as error:
            answer = diagnostic(BAD_REQUEST, str(error))
        except BusyError as error:
            answer = diagnostic(SERVICE_UNAVAILABLE, str(error))
            answer[1].append((MAX_AGE, encode_uint(error.wait_s)))
        if answer is None:
            self._answers.expect(request)
        elif answer is CHALLENGE:
            self._proof.challenge(request)
        elif request.is_proven:
            self._answer(request, answer)
        else:
            self._proof.answer(request, answer)

    def _serve(self, request: Request) -> "Answer | None":
        """Find the resource, see whether the asker may, and let it handle the request."""
        segments = request.segments
        resource = self.resources.get(segments[0]) if segments else None
        if resource is None or (
            len(segments) != resource.segments and len(segments) > -resource.segments
        ):
            return diagnostic(NOT_FOUND, "no such resource")
        if request.unknown_option:
            return diagnostic(BAD_OPTION, f"option {request.unknown_option}")
        if request.block1 is not None and not _may_be_a_block(request.block1, resource):
            return diagnostic(REQUEST_ENTITY_TOO_LARGE, "a request of one block at most")
        least_role = resource.roles.get(request.code)
        if least_role is None:
            return diagnostic(METHOD_NOT_ALLOWED, "no such method here")
        assert request.key is not None
        principal = request.key.principal
        if not principal.may(segments[0], request.code, least_role, request.now_ms):
            self.counters["denied"] += 1
            if hasattr(resource, "deny"):
                resource.deny(request)
            return diagnostic(FORBIDDEN, principal.why_not(request.now_ms))
        if not request.is_proven and (request.observe == 0 or request.code not in _READS):
            return CHALLENGE
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

    def _notify(self, observer: "Observer", now_ms: int) -> None:
        request = observer.request
        request.now_ms = now_ms
        observer.told_ms = now_ms  # whatever fails below is not tried again at once
        principal = request.known_key.principal
        least_rank = observer.resource.roles[request.code]
        if not principal.may(request.segments[0], request.code, least_rank, now_ms):
            self._end_observation(request, diagnostic(FORBIDDEN, principal.why_not(now_ms)))
            return
        answer = observer.resource.handle(request)
        assert answer is not None
        request.is_confirmable = observer.told(now_ms, type(answer[2]) is list)
        answer = self._snapshots.cut(request, answer)
        request.is_acknowledged = True
        self._answer(request, answer, observer)

    def _end_observation(self, request: Request, answer: "Answer") -> None:
        """Tell an observer whose time is over so, and then nothing more."""
        self._observers.drop(request)
        request.is_confirmable = False
        protected = request.protected
        assert protected is not None
        if protected.lends_nonce:  # an answer without a number of its own is older than all others
            protected.take_nonce()
        self._answer(request, answer)

    def _end(self, peer: "Hashable", message_id: int, is_reset: bool) -> bool:
        """Take note that somebody acknowledges or rejects a message; tell whether it is ours."""
        unacknowledged = self._answers.find(peer, message_id)
        observer = self._observers.find(peer, message_id)
        if unacknowledged is not None and observer is None:
            observer = self._observers.of(unacknowledged.about)
        if observer is not None:
            if is_reset:
                observer.doubt()
                return True
            if unacknowledged is not None:
                observer.acknowledged()
        if unacknowledged is None:
            return observer is not None
        self._answers.end(unacknowledged)
        return True


def _may_be_a_block(value: bytes, resource: "Any") -> bool:
    """Tell whether a resource takes a request with this Block1 option."""
    return getattr(resource, "takes_blocks", False) or block.decode(value)[:2] == (0, False)
