"""Receiving: is a frame what its message says it is, and newer than the one before?

A frame is refused if its length is wrong, then if its checksum is. The alive counter, if there is
one, counts 0 .. maximum and around. As in AUTOSAR E2E's profile 2:

1. The first counter is accepted.
2. The same counter again is a repetition and refused, however long ago the last one was: an ECU
   that is stuck says nothing new.
3. Ahead by up to half the counter's range: accepted, and what was skipped is counted as lost.
4. Further ahead is as likely behind: refused, and the next frame is compared with this one, so
   that an ECU that restarted costs one frame. Once the message is overdue, it is accepted.

Nothing here allocates.
"""

from gateway.can.crc8 import TABLE, start_of_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.can.signal import Buffer

ACCEPTED = 0
UNKNOWN_ID = -1
WRONG_LENGTH = -2
BAD_CHECKSUM = -3
REPEATED_COUNTER = -4
WRONG_SEQUENCE = -5

REASONS = (
    "accepted",
    "unknown_id",
    "wrong_length",
    "bad_checksum",
    "repeated_counter",
    "wrong_sequence",
)

SMALL_INT_MASK = 0x3FFFFFFF  # counters wrap before they become heap integers on a 32-bit chip


class ReceivedMessage:
    """A message that is read: decides on each of its frames.

    row: one of the compiled profile's `received`.
    index: its place there, which the caller may want to know.
    """

    def __init__(self, row: "list[Any]", index: int) -> None:
        self.index = index
        (
            self.bus,
            self.arbitration_id,
            self.is_extended_id,
            self.length,
            self.timeout_ms,
            self._checksum,
            counter,
            self._counter_maximum,
            self.multiplexor,
        ) = row
        self.lost = 0
        self._received_ms = 0
        self._next_counter = -1
        self._start = start_of_frame(self.arbitration_id)
        self._has_counter = counter is not None
        pieces: bytes = counter or bytes(4)
        self._counter_byte, self._counter_shift, self._counter_mask, _ = pieces
        self._max_delta = (self._counter_maximum + 1) // 2

    def accept(self, data: "Buffer", now_ms: int) -> int:
        """Return ACCEPTED, or why the frame is refused."""
        length = self.length
        if len(data) != length:
            return WRONG_LENGTH
        checksum = self._checksum
        if checksum >= 0:
            table = TABLE
            register = self._start
            for i in range(checksum):
                register = table[register ^ data[i]]
            for i in range(checksum + 1, length):
                register = table[register ^ data[i]]
            if register ^ 0xFF != data[checksum]:
                return BAD_CHECKSUM
        if self._has_counter:
            counter = data[self._counter_byte] >> self._counter_shift & self._counter_mask
            if counter != self._next_counter:
                status = self._jump(counter, now_ms)
                if status < 0:
                    return status
            self._next_counter = counter + 1 if counter < self._counter_maximum else 0
        self._received_ms = now_ms
        return ACCEPTED

    def _jump(self, counter: int, now_ms: int) -> int:
        """Decide on a counter that is not the next one."""
        maximum = self._counter_maximum
        expected = self._next_counter
        if counter > maximum:
            return WRONG_SEQUENCE
        if expected < 0:
            return ACCEPTED
        skipped = counter - expected
        if skipped < 0:
            skipped += maximum + 1
        if skipped == maximum:
            return REPEATED_COUNTER
        if skipped < self._max_delta:
            self.lost = self.lost + skipped & SMALL_INT_MASK
            return ACCEPTED
        if now_ms - self._received_ms > self.timeout_ms:
            return ACCEPTED
        self._next_counter = counter + 1 if counter < maximum else 0
        return WRONG_SEQUENCE
