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

    Exchange = tuple[int, bytes, Hashable]

_GENERATION = const(16)
_GENERATION_BYTES = const(1400)  # and one answer more
_ACK_TIMEOUT_MS = const(2000)
_ACK_RANDOM_MS = const(1000)
_MAX_RETRANSMIT = const(4)
_MAX_UNACKNOWLEDGED = const(16)

_NONE_DUE: "tuple[list[Unacknowledged], list[Unacknowledged]]" = ([], [])


class Deduplicator:
    """The newest 16 to 32 requests, and what answered each, within a budget of bytes.

    A request is known by its exchange: its message id, token and peer. In this order most of them
    differ in the first place, and are soon compared.

    They are kept in two generations. When the newer one is full, it becomes the older, which is
    forgotten as a whole: a dict of MicroPython's that things are taken out of one by one is soon
    searched from end to end.
    """

    def __init__(self) -> None:
        self._newer: dict[Exchange, bytes] = {}
        self._older: dict[Exchange, bytes] = {}
        self._bytes = 0  # of the newer ones' answers

    def answer(self, exchange: "Exchange") -> "bytes | None":
        """Return the bytes that answered a request, b"" if nothing was sent yet.

        None: the request is not remembered.
        """
        answer = self._newer.get(exchange)
        return self._older.get(exchange) if answer is None else answer

    def remember(self, exchange: "Exchange", answer: bytes) -> None:
        """Remember a request, or what was sent last in answer to it."""
        newer = self._newer
        is_full = len(newer) >= _GENERATION or self._bytes > _GENERATION_BYTES
        if is_full and exchange not in newer:
            self._older = newer
            newer = self._newer = {}
            self._bytes = 0
        newer[exchange] = answer
        self._bytes += len(answer)


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
