"""Messages in plain text: what is said to strangers, and about what does not verify.

Rules:

1. Only two things are served: discovery, which says nothing about the car, and over the cable
   pairing.
2. Errors go to confirmable requests only, so that no multicast or forged NON makes the gateway
   talk, and are never larger than the request.
3. Whatever nobody vouches for is counted against its host, and is answered within its budget
   (gateway/limits.py). Over the cable everything is answered.

Source: RFC 7252 sections 4.2, 5.4.1 and 8, RFC 8613 section 8.2.
"""

from gateway.coap.message import body_bytes
from gateway.coap.numbers import BAD_OPTION, BAD_REQUEST, MAX_AGE, UNAUTHORIZED
from gateway.errors import DecodeError
from gateway.request import diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from gateway.answers import Answers
    from gateway.coap.message import Options
    from gateway.limits import Limits
    from gateway.request import Request


class Plain:
    """Serves strangers; `resources` is {path: resource} of what they may have."""

    def __init__(self, answers: "Answers", limits: "Limits", counters: "dict[str, int]") -> None:
        self.resources: dict[bytes, Any] = {}
        self._answers = answers
        self._limits = limits
        self._counters = counters

    def may_answer(self, peer: "Hashable", source: "bytes | str | None", now_ms: int) -> bool:
        """Count a datagram that nobody vouches for; tell whether it may be answered."""
        if source is None or self._limits.charge(peer, source, now_ms):
            return True
        self._counters["unanswered"] += 1
        return False

    def reject(
        self,
        message_id: int,
        peer: "Hashable",
        source: "bytes | str | None",
        is_confirmable: bool,
        now_ms: int,
    ) -> None:
        """Answer a message that makes no sense here with RST."""
        if self.may_answer(peer, source, now_ms) and is_confirmable:
            self._answers.reject(message_id, peer)

    def receive(self, request: "Request", code: int, options: "Options", payload: bytes) -> None:
        """Serve a request in plain text."""
        if not self.may_answer(request.peer, request.source, request.now_ms):
            return
        try:
            request.read(code, options, payload)
        except DecodeError:
            self._error(request, BAD_OPTION, "an option's value is malformed")
            return
        if request.unknown_option:
            self._error(request, BAD_OPTION, f"option {request.unknown_option}")
            return
        resource = self.resources.get(b"/".join(request.segments))
        if resource is None:
            self._counters["denied"] += 1
            self._error(request, UNAUTHORIZED, "OSCORE is needed here")
            return
        answer = resource.handle(request)
        if answer is not None:
            code, options, payload = answer
            if code >= BAD_REQUEST:
                self._error(request, code, str(payload, "utf-8"))
            else:
                self._answers.transmit(request, code, options, payload)

    def refuse(self, request: "Request", code: int, text: str) -> None:
        """Answer a request that did not verify."""
        if self.may_answer(request.peer, request.source, request.now_ms):
            self._error(request, code, text)

    def _error(self, request: "Request", code: int, text: str) -> None:
        if not request.is_confirmable:
            return
        _, options, payload = diagnostic(code, text)
        if code == UNAUTHORIZED:
            options = [(MAX_AGE, b"")]
        if request.source is not None:
            room = request.size - 4 - len(request.token)
            if body_bytes(options, payload) > room:
                payload = b""
                if body_bytes(options, payload) > room:
                    options = []
        self._answers.transmit(request, code, options, payload)
