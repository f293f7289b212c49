"""Observers (RFC 7641): who is told when a resource changes.

Rules:

1. An observer is known by its key and token; registering again replaces it, and so does a new
   token for the same resource: a key serves one process, which has started anew. At most 8.
2. Changes are told at each quarter of a second, to all observers at once, so that what they are
   told is made once. Without a change something is sent every 10 s all the same, for ages go on
   and a silent gateway should be noticed.
3. Whoever has been sent the first block of an answer is told no more until the last one is
   fetched, or 2 s have passed: a new answer would take the place of the one being read.
4. Each minute a notification is confirmable, and whoever does not acknowledge it is forgotten; so
   is a key that is revoked. After an RST, which anybody may forge, the next one is confirmable,
   and until it is acknowledged no other follows.
5. Somebody who is not an owner has at most 3, with all keys together. An owner for whom there is
   no room takes the place of one of those.
"""

from gateway.const import const
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Protocol

    from gateway.request import Answer, Request
    from gateway.vault.principals import Principal

    class Observable(Protocol):
        """A resource that can be observed."""

        roles: dict[int, int]

        def version(self, request: Request) -> int:
            """Return a number that changes with what `handle` would answer."""

        def handle(self, request: Request) -> "Answer | None":
            """Answer the request that registered."""


MAX_OBSERVERS = 8
MAX_OBSERVERS_EACH = 3

_INTERVAL_MS = const(250)
_MAX_INTERVAL_MS = const(10000)
_CONFIRM_INTERVAL_MS = const(60000)
_READING_MS = const(2000)
_GIVEN_UP_MS = const(100_000)  # a little later than the last retransmission is


class Observer:
    """One observation."""

    def __init__(self, request: "Request", resource: "Observable") -> None:
        self.request = request
        self.resource = resource
        self.number = 0
        self.message_id = -1
        self.version = -1
        self.told_ms = request.now_ms
        self.confirmed_ms = request.now_ms
        self.is_reading = False
        self.is_doubted = False
        self.is_awaited = False

    def asks_the_same_as(self, request: "Request") -> bool:
        """Tell whether a request asks for the same resource with the same key."""
        own = self.request
        return (
            own.key is request.key
            and own.segments == request.segments
            and own.payload == request.payload
        )

    def due_ms(self) -> int:
        """Return when the next notification is due, if nothing changes until then."""
        if self.is_doubted:
            return self.told_ms + (_GIVEN_UP_MS if self.is_awaited else _INTERVAL_MS)
        if self.is_reading:
            return self.told_ms + _READING_MS
        if self.resource.version(self.request) != self.version:
            return (self.told_ms // _INTERVAL_MS + 1) * _INTERVAL_MS
        return self.told_ms + _MAX_INTERVAL_MS

    def told(self, now_ms: int, has_more: bool) -> bool:
        """Take note of a notification, of which more blocks are to be fetched or not.

        Returns:
            Whether it is to be confirmable.
        """
        self.is_reading = has_more
        self.number = (self.number + 1) & 0xFFFFFF
        self.version = self.resource.version(self.request)
        self.told_ms = now_ms
        if self.is_doubted:
            self.is_awaited = True
        elif now_ms - self.confirmed_ms < _CONFIRM_INTERVAL_MS:
            return False
        self.confirmed_ms = now_ms
        return True

    def doubt(self) -> None:
        """Take note that it, or somebody in its name, has rejected a notification."""
        self.is_doubted = True

    def acknowledged(self) -> None:
        """Take note that it has acknowledged a notification."""
        self.is_doubted = self.is_awaited = False


class Observers:
    """All observations."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def __len__(self) -> int:
        return len(self._observers)

    def add(self, request: "Request", resource: "Observable") -> "Observer | None":
        """Register a request; None if there are too many."""
        self.remove(request)
        others = [each for each in self._observers if not each.asks_the_same_as(request)]
        self._observers = others
        asker = request.known_key.principal
        if asker.rank < OWNER:
            own = [each for each in others if each.request.known_key.principal is asker]
            if len(own) >= MAX_OBSERVERS_EACH or len(others) >= MAX_OBSERVERS:
                return None
        elif len(others) >= MAX_OBSERVERS:
            lesser = [each for each in others if each.request.known_key.principal.rank < OWNER]
            if not lesser:
                return None
            others.remove(lesser[0])
        observer = Observer(request, resource)
        others.append(observer)
        return observer

    def remove(self, request: "Request") -> None:
        """Forget the observation with the request's key and token."""
        self._observers = [
            observer
            for observer in self._observers
            if observer.request.key is not request.key or observer.request.token != request.token
        ]

    def has_read(self, request: "Request") -> None:
        """Take note that the last block of what a request asks for was fetched."""
        for observer in self._observers:
            if observer.asks_the_same_as(request):
                observer.is_reading = False

    def of(self, request: "Request") -> "Observer | None":
        """Return the observer that a request has registered."""
        for observer in self._observers:
            if observer.request is request:
                return observer
        return None

    def drop(self, request: "Request") -> None:
        """Forget the observer that a request has registered, if there is one."""
        self._observers = [each for each in self._observers if each.request is not request]

    def forget(self, kid: bytes) -> None:
        """Forget all that a key observes."""
        self._observers = [each for each in self._observers if each.request.known_key.kid != kid]

    def find(self, peer: "Hashable", message_id: int) -> "Observer | None":
        """Return the observer whose last notification this was."""
        for observer in self._observers:
            if observer.message_id == message_id and observer.request.peer == peer:
                return observer
        return None

    def principals(self) -> "list[Principal]":
        """Return who observes, each as often as they do."""
        return [observer.request.known_key.principal for observer in self._observers]

    def due(self, now_ms: int) -> "Observer | None":
        """Return one who is to be told now, None if nobody is."""
        for observer in self._observers:
            if now_ms >= observer.due_ms():
                return observer
        return None

    def next_timeout(self) -> "int | None":
        """Return when somebody is to be told."""
        first = None
        for observer in self._observers:
            due_ms = observer.due_ms()
            if first is None or due_ms < first:
                first = due_ms
        return first
