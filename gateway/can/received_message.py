"""Receiving: is a frame what its message says it is, and newer than the one before?

A frame is refused if its length is wrong, then if its checksum is. The alive counter, if there is
one, counts 0 .. maximum and around. As in AUTOSAR E2E's profile 2:

1. The first counter is accepted.
2. The same counter again is a repetition and refused, however long ago the last one was: an ECU
   that is stuck says nothing new.
3. Ahead by up to half the counter's range: accepted, and what was skipped is counted as lost.
4. Further ahead is as likely behind: refused, and the next frame is compared with this one, so
   that an ECU that restarted costs one frame. Once the message is overdue, it is accepted.

Receiving allocates nothing. So no function on its way may have more than 11 locals and stack
entries together: MicroPython takes the state of a larger call from the heap and gives it back
afterwards, which may set off a collection.
"""

from gateway.can.last_payload import SMALL_INT_MASK, LastPayload
from gateway.can.protection import make_protection
from gateway.can.signal import get_raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.can.signal import Buffer

UNKNOWN_ID = -1
WRONG_LENGTH = -2
BAD_CHECKSUM = -3
REPEATED_COUNTER = -4
WRONG_SEQUENCE = -5

# What is counted, in the place of the negated status.
OUTCOMES = (
    "accepted",
    "unknown_id",
    "wrong_length",
    "bad_checksum",
    "repeated_counter",
    "wrong_sequence",
    "lost",
)

_ACCEPTED = 0
_LOST = 6


class ReceivedMessage:
    """A message that is read: judges each of its frames, and keeps the last one's payload.

    row: one of the compiled profile's `received`.
    index: its place there.
    counts: how many frames had each of OUTCOMES; the messages of a car share them.
    """

    def __init__(self, row: "list[Any]", index: int, counts: "list[int]") -> None:
        self.index = index
        self._counts = counts
        (
            self.bus,
            self.arbitration_id,
            self.is_extended_id,
            self._length,
            timeout_ms,
            protection,
            counter,
            self._counter_maximum,
            self._multiplexor,
        ) = row
        self.latest = LastPayload(self._length, timeout_ms)
        self._multiplexed: dict[int, LastPayload] = {}
        self._protection = make_protection(protection, self.arbitration_id)
        self._has_counter = counter is not None
        place: int = counter or 0
        self._counter_byte = place >> 10 & 63
        self._counter_shift = place >> 7 & 7
        self._counter_mask = (1 << (place & 127)) - 1
        self._next_counter = -1
        self._max_delta = (self._counter_maximum + 1) // 2

    def multiplexed(self, value: int) -> LastPayload:
        """Return where the payloads with this value of the multiplexor are kept from now on."""
        if value not in self._multiplexed:
            self._multiplexed[value] = LastPayload(self._length, self.latest.timeout_ms)
        return self._multiplexed[value]

    def receive(self, data: "Buffer", now_ms: int) -> int:
        """Return the index if the frame is accepted, else the status that tells why not."""
        if len(data) != self._length:
            return self._count(WRONG_LENGTH)
        protection = self._protection
        if protection is not None and not protection.matches(data):
            return self._count(BAD_CHECKSUM)
        if self._has_counter:
            counter = data[self._counter_byte] >> self._counter_shift & self._counter_mask
            if counter != self._next_counter:
                status = self._jump(counter, now_ms)
                if status < 0:
                    return self._count(status)
            self._next_counter = counter + 1 if counter < self._counter_maximum else 0
        self._counts[_ACCEPTED] = self._counts[_ACCEPTED] + 1 & SMALL_INT_MASK
        self.latest.store(data, now_ms)
        if self._multiplexor is not None:
            self._store_multiplexed(get_raw(data, self._multiplexor), data, now_ms)
        return self.index

    def _store_multiplexed(self, value: int, data: "Buffer", now_ms: int) -> None:
        if value in self._multiplexed:
            self._multiplexed[value].store(data, now_ms)

    def _count(self, status: int) -> int:
        counts = self._counts
        counts[-status] = counts[-status] + 1 & SMALL_INT_MASK
        return status

    def _jump(self, counter: int, now_ms: int) -> int:
        """Decide on a counter that is not the next one."""
        maximum = self._counter_maximum
        expected = self._next_counter
        if counter > maximum:
            return WRONG_SEQUENCE
        if expected < 0:
            return _ACCEPTED
        skipped = counter - expected
        if skipped < 0:
            skipped += maximum + 1
        if skipped == maximum:
            return REPEATED_COUNTER
        if skipped < self._max_delta:
            self._counts[_LOST] = self._counts[_LOST] + skipped & SMALL_INT_MASK
            return _ACCEPTED
        if not self.latest.is_known(now_ms):
            return _ACCEPTED
        self._next_counter = counter + 1 if counter < maximum else 0
        return WRONG_SEQUENCE


class UnknownMessage:
    """Stands for every message that is not read."""

    def __init__(self, counts: "list[int]") -> None:
        self._counts = counts

    def receive(self, data: "Buffer", now_ms: int) -> int:
        """Return that the id is unknown."""
        counts = self._counts
        counts[-UNKNOWN_ID] = counts[-UNKNOWN_ID] + 1 & SMALL_INT_MASK
        return UNKNOWN_ID
