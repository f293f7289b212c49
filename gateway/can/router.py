"""Routing between buses: which frames cross, in which direction, how often. For benches only.

Nothing crosses but what a route names: it goes from one bus to one other, for data frames of one
length whose id, of 11 or of 29 bits, agrees with the route's in the bits of its mask.

1. An id that the gateway sends itself never crosses, on no bus, whatever a mask covers. Remote
   frames do not either.
2. Each id has a token bucket: it may come `burst` times at once, and `rate_hz` in the long run.
   The first OWN_BUCKETS ids that come under a mask have one each, all others share one more.
3. What may cross waits for its controller in a ring with room for the bursts of all routes to
   that bus. So no id, however often it comes, takes the place of another. What finds the ring
   full, or waits longer than ROUTED_FOR_MS, is dropped: an old frame is not sent late.

Judging and copying a frame allocate nothing: see gateway.can.received_message.
"""

from gateway.can.last_payload import SMALL_INT_MASK
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN_BUCKETS = const(8)
ROUTED_FOR_MS = const(100)

FLAG_EXT_ID = const(2)  # machine.CAN's
_EXTENDED_SHIFT = const(28)  # makes the flag the bit above an id of 29 bits
_EXTENDED = const(1 << 29)
_TOKEN = const(1000)  # so that a rate in Hz is a filling a millisecond

# What a route counts, in the order of its counts.
OUTCOMES = ("passed", "dropped", "limited", "wrong_length")
_PASSED = const(0)
_DROPPED = const(1)
_LIMITED = const(2)
_WRONG_LENGTH = const(3)


class Route:
    """One of the compiled profile's `routes`; `next` is another one to ask about the same frame."""

    def __init__(self, row: "list[Any]") -> None:
        (
            self.source,
            self.destination,
            self.arbitration_id,
            self.mask,
            self.is_extended_id,
            self.length,
            rate_hz,
            burst,
        ) = row
        extended = _EXTENDED if self.is_extended_id else 0
        self.key: int = self.arbitration_id | extended
        self.next: Route | None = None
        self.counts = [0 for _ in OUTCOMES]
        self._key_mask: int = self.mask | _EXTENDED
        self._rate_hz: int = rate_hz
        self._full: int = burst * _TOKEN
        self._full_after_ms = -(-self._full // rate_hz)
        buckets = buckets_of(self.mask, self.is_extended_id)
        self.is_exact = buckets == 1
        self.capacity: int = burst * buckets
        self._ids = [-1] * (buckets - 1)
        self._levels = [self._full] * buckets
        self._filled_ms = [0] * buckets

    def allows(self, key: int, length: int, now_ms: int) -> bool:
        """Tell whether a frame may cross, and take its token; count it if not."""
        if (key ^ self.key) & self._key_mask:
            return False
        if length != self.length:
            self._count(_WRONG_LENGTH)
            return False
        if not self._take_token(self._bucket(key), now_ms):
            self._count(_LIMITED)
            return False
        return True

    def finish(self, is_sent: bool) -> None:
        """Count what became of a frame that was allowed to cross."""
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


class RoutedFrame:
    """A frame on its way to another bus, in a buffer that is used again once it was taken."""

    def __init__(self, lengths: "set[int]") -> None:
        self._buffers = {length: bytearray(length) for length in lengths}
        self.arbitration_id = 0
        self.flags = 0
        self.data = bytearray(0)
        self.received_ms = 0
        self.route: Route

    def fill(self, route: Route, frame: "list[Any]", now_ms: int) -> None:
        """Copy what was received: [id, data, flags, errors]."""
        self.route = route
        self.arbitration_id = frame[0]
        self.flags = frame[2] & FLAG_EXT_ID
        self.data = self._buffers[route.length]
        self.data[:] = frame[1]
        self.received_ms = now_ms


class WaitingFrames:
    """The ring of the frames that these routes, all to one bus, let through."""

    def __init__(self, routes: "list[Route]") -> None:
        lengths = {route.length for route in routes}
        capacity = sum([route.capacity for route in routes])
        self._frames = [RoutedFrame(lengths) for _ in range(capacity)]
        self._first = 0
        self._count = 0

    def append(self, route: Route, frame: "list[Any]", now_ms: int) -> None:
        """Let a frame wait, or drop it if there is no room."""
        frames = self._frames
        if self._count == len(frames):
            route.finish(False)
            return
        frames[(self._first + self._count) % len(frames)].fill(route, frame, now_ms)
        self._count += 1

    def take(self, now_ms: int) -> "RoutedFrame | None":
        """Return the oldest frame, to be copied at once; drop those that have waited too long."""
        while self._count:
            frame = self._frames[self._first]
            self._first = (self._first + 1) % len(self._frames)
            self._count -= 1
            if now_ms - frame.received_ms <= ROUTED_FOR_MS:
                return frame
            frame.route.finish(False)
        return None


class Router:
    """All routes of a profile: frames come in by `receive` and leave by `take`."""

    def __init__(self, profile: "dict[str, Any]") -> None:
        count = len(profile["buses"])
        self.routes = [Route(row) for row in profile["routes"] if row[0] != row[1]]
        self._waiting = [
            WaitingFrames([route for route in self.routes if route.destination == bus])
            for bus in range(count)
        ]
        self._masked: list[Route | None] = [None] * count
        self._exact: list[dict[int, Route | None]] = [{} for _ in range(count)]
        for route in [route for route in self.routes if not route.is_exact]:
            route.next = self._masked[route.source]
            self._masked[route.source] = route
        for route in [route for route in self.routes if route.is_exact]:
            exact = self._exact[route.source]
            route.next = exact.get(route.key, self._masked[route.source])
            exact[route.key] = route
        for message in profile["transmitted"]:
            for exact in self._exact:
                exact[message[1] | (_EXTENDED if message[2] else 0)] = None

    def receive(self, bus: int, frame: "list[Any]", now_ms: int) -> None:
        """Let a data frame [id, data, flags, errors] cross if a route allows it."""
        key = frame[0] | (frame[2] & FLAG_EXT_ID) << _EXTENDED_SHIFT
        route = self._exact[bus].get(key, self._masked[bus])
        while route is not None:
            if route.allows(key, len(frame[1]), now_ms):
                self._waiting[route.destination].append(route, frame, now_ms)
            route = route.next

    def take(self, bus: int, now_ms: int) -> "RoutedFrame | None":
        """Return the next frame to be sent on a bus, None if there is none.

        It is the ring's own: it stays as it is until the next `receive`.
        """
        return self._waiting[bus].take(now_ms)


def buckets_of(mask: int, is_extended_id: bool) -> int:
    """Return how many token buckets the ids that agree in the bits of a mask have."""
    bits = 29 if is_extended_id else 11
    for bit in range(bits):
        bits -= mask >> bit & 1
    return min(1 << bits, OWN_BUCKETS + 1)
