"""One route between two buses: what it lets through, and how often.

It goes from one bus to one other, for data frames of one length whose id, of 11 or of 29 bits,
agrees with the route's in the bits of its mask.

Each id has a token bucket: it may come `burst` times at once, and `rate_hz` in the long run. The
first OWN_BUCKETS ids that come under a mask have one each, all others share one more. No bucket
has more than `burst` frames in the ring, so that none takes the place of another's.
"""

from gateway.can.last_payload import SMALL_INT_MASK
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.can.router import Ring

OWN_BUCKETS = const(8)
EXTENDED = const(1 << 29)  # marks a 29-bit id; still a small integer on a 32-bit chip

_TOKEN = const(1000)  # so that a rate in Hz is what a millisecond fills in

# What a route counts, in the order of its counts.
OUTCOMES = ("passed", "dropped", "limited", "wrong_length")
_PASSED = const(0)
_DROPPED = const(1)
_LIMITED = const(2)
_WRONG_LENGTH = const(3)


class Route:
    """One of the compiled profile's `routes`.

    next: another one to ask about the same frame. ring: where the frames wait that may cross.
    """

    ring: "Ring"

    def __init__(self, row: "list[Any]") -> None:
        (
            self.source,
            self.destination,
            self.arbitration_id,
            self.mask,
            self.is_extended_id,
            self.length,
            self._rate_hz,
            self._burst,
        ) = row
        extended = EXTENDED if self.is_extended_id else 0
        self.key: int = self.arbitration_id | extended
        self.next: Route | None = None
        self.counts = [0 for _ in OUTCOMES]
        self._key_mask: int = self.mask | EXTENDED
        self._full: int = self._burst * _TOKEN
        self._full_after_ms = -(-self._full // self._rate_hz)
        buckets = buckets_of(self.mask, self.is_extended_id)
        self.is_exact = buckets == 1
        self.capacity: int = self._burst * buckets
        self._ids = [-1] * (buckets - 1)
        self._levels = [self._full] * buckets
        self._filled_ms = [0] * buckets
        self._waiting = [0] * buckets

    def offer(self, key: int, frame: "list[Any]", now_ms: int) -> None:
        """Put a frame [id, data, flags, errors] into the ring if it may cross; count it if not."""
        if (key ^ self.key) & self._key_mask:
            return
        if len(frame[1]) != self.length:
            self._count(_WRONG_LENGTH)
            return
        bucket = self._bucket(key)
        if not self._take_token(bucket, now_ms):
            self._count(_LIMITED)
        elif self._waiting[bucket] == self._burst:
            self._count(_DROPPED)
        else:
            self._waiting[bucket] += 1
            self.ring.append(self, bucket, frame, now_ms)

    def finish(self, bucket: int, is_sent: bool) -> None:
        """Count what became of a frame that was in the ring."""
        self._waiting[bucket] -= 1
        self._count(_PASSED if is_sent else _DROPPED)

    def _count(self, outcome: int) -> None:
        self.counts[outcome] = self.counts[outcome] + 1 & SMALL_INT_MASK

    def _bucket(self, key: int) -> int:
        """Return the bucket of an id: its own, which it may get now, or the last one."""
        ids = self._ids
        for i in range(len(ids)):
            if ids[i] < 0:
                ids[i] = key
            if ids[i] == key:
                return i
        return len(ids)

    def _take_token(self, bucket: int, now_ms: int) -> bool:
        level = self._full
        elapsed_ms = now_ms - self._filled_ms[bucket]
        if elapsed_ms < self._full_after_ms:  # else the product might be no small integer
            level = self._levels[bucket] + elapsed_ms * self._rate_hz
            if level > self._full:
                level = self._full
        is_enough = level >= _TOKEN
        self._levels[bucket] = level - _TOKEN if is_enough else level
        self._filled_ms[bucket] = now_ms
        return is_enough


def buckets_of(mask: int, is_extended_id: bool) -> int:
    """Return how many token buckets the ids that agree in the bits of a mask have."""
    bits = 29 if is_extended_id else 11
    for bit in range(bits):
        bits -= mask >> bit & 1
    return min(1 << bits, OWN_BUCKETS + 1)
