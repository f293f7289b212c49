"""What CoAP's message layer remembers: requests already answered, and answers not yet
acknowledged.

Rules:

1. A request is known by its peer, message id and token, for all hosts at the cable are one peer,
   and each begins to count anywhere. A copy of it gets the bytes that the first one got, and
   nothing is done again. The newest 24 are remembered, or fewer if their answers fill 4 KiB:
   OSCORE refuses what comes later still.
2. A confirmable message of ours is sent again, the same bytes, after 2 to 3 s and then twice as
   long each time, at most four times, until it is acknowledged or reset. Of more than 16 such
   messages the newest are watched over.

Source: RFC 7252 sections 4.2, 4.5 and 4.8.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    Exchange = tuple[Hashable, int, bytes]

_REMEMBERED = const(24)
_BYTES = const(4096)
_ACK_TIMEOUT_MS = const(2000)
_ACK_RANDOM_MS = const(1000)
_MAX_RETRANSMIT = const(4)
_MAX_UNACKNOWLEDGED = const(16)

_NONE_DUE: "tuple[list[Unacknowledged], list[Unacknowledged]]" = ([], [])


class Deduplicator:
    """The newest requests, and what was sent in answer to each, within a budget of bytes.

    A request is known by its exchange: its peer, message id and token.
    """

    def __init__(self) -> None:
        self._answers: dict[Exchange, bytes] = {}
        self._order: list[Exchange] = []
        self._bytes = 0

    def answer(self, exchange: "Exchange") -> "bytes | None":
        """Return the bytes that answered a request, b"" if nothing was sent yet.

        None: the request is not remembered.
        """
        return self._answers.get(exchange)

    def remember(self, exchange: "Exchange", answer: bytes) -> None:
        """Remember a request, or what was sent last in answer to it, and forget the oldest."""
        answers = self._answers
        order = self._order
        old = answers.get(exchange)
        answers[exchange] = answer
        if old is None:
            order.append(exchange)
            self._bytes += len(answer)
        else:
            self._bytes += len(answer) - len(old)
        while len(order) > _REMEMBERED or (self._bytes > _BYTES and len(order) > 1):
            self._bytes -= len(answers.pop(order.pop(0)))


class Unacknowledged:
    """A confirmable message on its way.

    Attributes:
        about: what the caller wants back when the message is reset or given up.
    """

    __slots__ = ("about", "data", "due_ms", "message_id", "peer", "timeout_ms", "tries")

    def __init__(self, data: bytes, peer: "Hashable", message_id: int, about: "Any") -> None:
        self.data = data
        self.peer = peer
        self.message_id = message_id
        self.about = about
        self.tries = 0
        self.timeout_ms = 0
        self.due_ms = 0


class Retransmitter:
    """The confirmable messages that wait for their acknowledgement."""

    def __init__(self) -> None:
        self._waiting: list[Unacknowledged] = []

    def add(
        self,
        data: bytes,
        peer: "Hashable",
        message_id: int,
        about: "Any",
        jitter: int,
        now_ms: int,
    ) -> None:
        """Watch over a message that is sent now; jitter is a random byte."""
        message = Unacknowledged(data, peer, message_id, about)
        message.timeout_ms = _ACK_TIMEOUT_MS + _ACK_RANDOM_MS * jitter // 256
        message.due_ms = now_ms + message.timeout_ms
        self._waiting = self._waiting[1 - _MAX_UNACKNOWLEDGED :] + [message]

    def find(self, peer: "Hashable", message_id: int) -> "Unacknowledged | None":
        """Return the message to this peer that has this id."""
        for message in self._waiting:
            if message.message_id == message_id and message.peer == peer:
                return message
        return None

    def end(self, message: Unacknowledged) -> None:
        """Stop watching over a message."""
        self._waiting.remove(message)

    def forget(self, is_over: "Callable[[Any], bool]") -> None:
        """Stop watching over the messages about which this says so."""
        self._waiting = [message for message in self._waiting if not is_over(message.about)]

    def next_timeout(self) -> "int | None":
        """Return when `due` has something to do."""
        first = None
        for message in self._waiting:
            if first is None or message.due_ms < first:
                first = message.due_ms
        return first

    def due(self, now_ms: int) -> "tuple[list[Unacknowledged], list[Unacknowledged]]":
        """Return the messages to send again now, and those that are given up."""
        if not self._waiting:
            return _NONE_DUE
        again = []
        given_up = []
        for message in self._waiting:
            if now_ms < message.due_ms:
                continue
            if message.tries == _MAX_RETRANSMIT:
                given_up.append(message)
                continue
            message.tries += 1
            message.timeout_ms *= 2
            message.due_ms = now_ms + message.timeout_ms
            again.append(message)
        if given_up:
            self._waiting = [message for message in self._waiting if message not in given_up]
        return again, given_up
