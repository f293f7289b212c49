"""Routing between buses, for benches: what a route lets through is sent on another bus.

1. Nothing crosses but what a route names; see gateway.can.route. An id that the gateway sends
   itself never does, on no bus, whatever a mask covers; nor do remote frames.
2. What crosses waits in the ring of its bus, which has room for all that its routes let through.
3. Of each ring one frame at a time is with the controller: frames keep their order, and leave its
   other buffers to the gateway's own. One that is not sent ROUTED_FOR_MS after it was received is
   taken back and dropped: what is old is never sent late.

Judging and copying a frame allocate nothing: see gateway.can.received_message.
"""

from gateway.can.route import EXTENDED, OUTCOMES, Route
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROUTED_FOR_MS = const(100)

FLAG_EXT_ID = const(2)  # machine.CAN's
_EXTENDED_SHIFT = const(28)  # makes EXTENDED of it


class RoutedFrame:
    """A frame for the controller of `bus`, in a buffer that is used again later.

    Once it was given to its controller, `ring.finish` is to hear what became of it.
    """

    def __init__(self, ring: "Ring", bus: int, routes: "list[Route]") -> None:
        self.ring = ring
        self.bus = bus
        self.arbitration_id = 0
        self.flags = 0
        self.data = bytearray(0)
        self.received_ms = 0
        self.route = routes[0]  # any: so that no attribute is made later
        self.bucket = 0
        self._buffers = {route.length: bytearray(route.length) for route in routes}

    def fill(self, route: Route, bucket: int, frame: "list[Any]", now_ms: int) -> None:
        """Copy what was received: [id, data, flags, errors]."""
        self.route = route
        self.bucket = bucket
        self.arbitration_id = frame[0]
        self.flags = frame[2] & FLAG_EXT_ID
        self.data = self._buffers[route.length]
        self.data[:] = frame[1]
        self.received_ms = now_ms


class Ring:
    """The frames that these routes, all to one bus, have let through and that are not sent yet."""

    def __init__(self, bus: int, routes: "list[Route]") -> None:
        capacity = sum([route.capacity for route in routes])
        self._frames = [RoutedFrame(self, bus, routes) for _ in range(capacity)]
        self._first = 0
        self._count = 0
        self._is_sending = False  # the first one
        self._is_cancelled = False

    def append(self, route: Route, bucket: int, frame: "list[Any]", now_ms: int) -> None:
        """Let a frame wait; its route sees to it that there is room."""
        self._frames[(self._first + self._count) % len(self._frames)].fill(
            route, bucket, frame, now_ms
        )
        self._count += 1

    def next_frame(self, now_ms: int) -> "RoutedFrame | None":
        """Return the frame to give to the controller now, None if there is none."""
        while self._count and not self._is_sending:
            frame = self._frames[self._first]
            self._is_sending = True
            if now_ms - frame.received_ms < ROUTED_FOR_MS:
                return frame
            self.finish(False)
        return None

    def finish(self, is_sent: bool) -> None:
        """Take note of what became of the frame that was with the controller."""
        frame = self._frames[self._first]
        frame.route.finish(frame.bucket, is_sent)
        self._first = (self._first + 1) % len(self._frames)
        self._count -= 1
        self._is_sending = self._is_cancelled = False

    def clear(self) -> None:
        """Drop all frames; the controller has none any more."""
        while self._count:
            self.finish(False)

    def next_timeout(self) -> "int | None":
        """Return when the frame that is with the controller is to be taken back, if there is."""
        if not self._is_sending or self._is_cancelled:
            return None
        return self._frames[self._first].received_ms + ROUTED_FOR_MS

    def cancel(self, now_ms: int) -> "RoutedFrame | None":
        """Return the frame that is to be taken back now; once."""
        due_ms = self.next_timeout()
        if due_ms is None or now_ms < due_ms:
            return None
        self._is_cancelled = True
        return self._frames[self._first]


class Router:
    """All routes of a profile.

    cancels: frames that their controllers are to give back; the caller empties it.
    """

    def __init__(self, profile: "dict[str, Any]") -> None:
        count = len(profile["buses"])
        self.routes = [Route(row) for row in profile["routes"] if row[0] != row[1]]
        self.cancels: list[RoutedFrame] = []
        self._rings = [
            Ring(bus, [route for route in self.routes if route.destination == bus])
            for bus in range(count)
        ]
        self._masked: list[Route | None] = [None] * count
        self._exact: list[dict[int, Route | None]] = [{} for _ in range(count)]
        for route in self.routes:
            route.ring = self._rings[route.destination]
        for route in [route for route in self.routes if not route.is_exact]:
            route.next = self._masked[route.source]
            self._masked[route.source] = route
        for route in [route for route in self.routes if route.is_exact]:
            exact = self._exact[route.source]
            route.next = exact.get(route.key, self._masked[route.source])
            exact[route.key] = route
        for message in profile["transmitted"]:
            for exact in self._exact:
                exact[message[1] | (EXTENDED if message[2] else 0)] = None

    def receive(self, bus: int, frame: "list[Any]", now_ms: int) -> None:
        """Let a data frame [id, data, flags, errors] cross if a route allows it."""
        key = frame[0] | (frame[2] & FLAG_EXT_ID) << _EXTENDED_SHIFT
        route = self._exact[bus].get(key, self._masked[bus])
        while route is not None:
            route.offer(key, frame, now_ms)
            route = route.next

    def next_frame(self, now_ms: int) -> "RoutedFrame | None":
        """Return a frame to give to its controller now, None if there is none."""
        for ring in self._rings:
            frame = ring.next_frame(now_ms)
            if frame is not None:
                return frame
        return None

    def clear(self) -> None:
        """Drop all frames; no controller has one any more."""
        for ring in self._rings:
            ring.clear()

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` wants to be called, None if never."""
        first = None
        for ring in self._rings:
            due_ms = ring.next_timeout()
            if due_ms is not None and (first is None or due_ms < first):
                first = due_ms
        return first

    def handle_timer(self, now_ms: int) -> None:
        """Take back what is too old."""
        for ring in self._rings:
            frame = ring.cancel(now_ms)
            if frame is not None:
                self.cancels.append(frame)

    def describe(self, bus_name: "Callable[[int], str]") -> "list[dict[str, Any]]":
        """Return the routes and what they counted, as `carport.cddl` has it."""
        described = []
        for route in self.routes:
            one: dict[str, Any] = {
                "from": bus_name(route.source),
                "to": bus_name(route.destination),
                "id": route.arbitration_id,
                "mask": route.mask,
                "extended": route.is_extended_id,
            }
            for i, outcome in enumerate(OUTCOMES):
                one[outcome] = route.counts[i]
            described.append(one)
        return described
