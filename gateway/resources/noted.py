"""A resource whose changes go into the ledger: keys, the time, the arming."""

from gateway import cbor
from gateway.coap.numbers import BAD_REQUEST, DELETE, GET
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.data.ledger import Ledger
    from gateway.request import Answer, Request

_SECRET = "random"


class NotedResource:
    """Another resource, and the kind of ledger entry that a change of it makes.

    The entry tells what was asked for, but for what keys are made of; changed(now_ms) follows it.
    """

    def __init__(
        self,
        resource: "Any",
        kind: str,
        ledger: "Ledger",
        changed: "Callable[[int], None] | None" = None,
    ) -> None:
        self.segments: int = resource.segments
        self.roles: dict[int, int] = resource.roles
        self._resource = resource
        self._kind = kind
        self._ledger = ledger
        self._changed = changed

    def handle(self, request: "Request") -> "Answer | None":
        """Let the resource handle it, and take note of what it has done."""
        answer: Answer | None = self._resource.handle(request)
        if request.code != GET and answer is not None and answer[0] < BAD_REQUEST:
            by = request.known_key.principal.name
            change = self._ledger.add(self._kind, by, _asked(request), request.now_ms)
            request.after = max(request.after, change)
            if self._changed is not None:
                self._changed(request.now_ms)
        return answer


def _asked(request: "Request") -> "dict[str, Any]":
    """Return what a request asked for."""
    asked: dict[str, Any] = {"ended": True} if request.code == DELETE else {}
    for query in request.queries:
        name, _, value = query.partition(b"=")
        asked[_text(name)] = _text(value) if value else True
    if request.payload:
        try:
            fields = cbor.decode(request.payload)
        except DecodeError:
            fields = None
        if type(fields) is dict:
            for name in fields:
                if name != _SECRET:
                    asked[name] = fields[name]
    return asked


def _text(value: bytes) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeError:
        return "?"
