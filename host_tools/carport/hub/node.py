"""What takes part in a bus: what it waits to send, what it heard, and its error counters.

An ordinary node is a PC with an unlimited receive queue, which sends in the order it was told to,
as a SocketCAN interface does, and which recovers from bus-off by itself. A controller is a chip: a
few transmit buffers of which the most urgent goes first, acceptance filters, a receive FIFO that
can overflow, and a bus-off that lasts until it is restarted.

    TEC, REC < 96 active | < 128 warning | >= 128 passive | TEC > 255 bus-off

`broken` counts what was broken on the wire. A bus (bus.py) moves the counters and fills `events`;
whoever owns the node empties them.

Source: ISO 11898-1:2015, 12.1 (fault confinement).
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from carport.hub.frame import Frame

TEC_WARNING = 96
TEC_PASSIVE = 128
TEC_BUS_OFF = 256


class State(IntEnum):
    """The error states, numbered as MicroPython's machine.CAN numbers them."""

    ACTIVE = 1
    WARNING = 2
    PASSIVE = 3
    BUS_OFF = 4


@dataclass(frozen=True, slots=True)
class Received:
    """A frame from another node; time_us is the bus's."""

    frame: Frame
    time_us: int


@dataclass(frozen=True, slots=True)
class Transmitted:
    """The frame in this transmit buffer was acknowledged on the wire."""

    index: int
    time_us: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The frame in this transmit buffer was discarded: the controller went bus-off."""

    index: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The frame in this transmit buffer never went out and never will."""

    index: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Accepts the ids of one kind that agree with `id` in the bits of `mask`."""

    id: int
    mask: int
    is_extended_id: bool


@dataclass(eq=False, slots=True)
class Pending:
    """A frame that waits for the bus; index is its transmit buffer, None where nobody asks."""

    frame: Frame
    index: int | None = None
    is_cancelled: bool = False


class Node:
    """An ordinary node: unlimited queues, and back by itself after bus-off."""

    recovers_by_itself = True

    def __init__(self, is_silent: bool = False) -> None:
        self.is_silent = is_silent
        self.tec = 0
        self.rec = 0
        self.broken = 0
        self.is_bus_off = False
        self.recover_us: int | None = None
        self.queue: deque[Pending] = deque()
        self.events: list[Received | Transmitted | Failed | Cancelled] = []

    @property
    def state(self) -> State:
        """The error state that the counters say."""
        if self.is_bus_off:
            return State.BUS_OFF
        worst = max(self.tec, self.rec)
        if worst >= TEC_PASSIVE:
            return State.PASSIVE
        return State.WARNING if worst >= TEC_WARNING else State.ACTIVE

    @property
    def acknowledges(self) -> bool:
        """Whether this node drives the bus at all: it then acknowledges what others send."""
        return not (self.is_silent or self.is_bus_off)

    def head(self) -> Pending | None:
        """Return what this node would send next, None if nothing."""
        return self.queue[0] if self.queue else None

    def hear(self, frame: Frame, time_us: int) -> None:
        """Take a frame that another node sent."""
        self.events.append(Received(frame, time_us))

    def count_receive_error(self) -> None:
        """Note a frame that was broken on the wire; a silent node's counter stands still."""
        self.broken += 1
        if self.acknowledges:
            self.rec = min(self.rec + 1, 255)

    def count_received(self) -> None:
        """Note a frame that was sound."""
        self.rec = min(max(self.rec - 1, 0), TEC_PASSIVE - 1)

    def fail_queue(self) -> None:
        """Send nothing of what waits, and tell whoever asked for it."""
        self.events.extend(Failed(each.index) for each in self.queue if each.index is not None)
        self.queue.clear()

    def forget_queue(self) -> None:
        """Send nothing of what waits, and tell nobody what became of any frame."""
        self.queue.clear()
        self.events = [each for each in self.events if isinstance(each, Received)]


class Controller(Node):
    """A controller with an index for each transmit buffer and a receive FIFO of fifo_depth frames.

    It hears nothing until `filters` is set. A frame stays in the FIFO until `read` says it was
    taken; what comes while the FIFO is full is lost, and counted in `overruns`.
    """

    recovers_by_itself = False

    def __init__(self, fifo_depth: int, is_silent: bool = False) -> None:
        super().__init__(is_silent)
        self.filters: list[Filter] = []
        self.overruns = 0
        self._fifo_depth = fifo_depth
        self._unread = 0

    def head(self) -> Pending | None:
        """Return the most urgent frame; among equal ids the one that was queued first."""
        return min(self.queue, key=lambda pending: pending.frame.priority, default=None)

    def hear(self, frame: Frame, time_us: int) -> None:
        """Take a frame that passes a filter, if the FIFO has room for it."""
        if not any(
            frame.is_extended_id == each.is_extended_id
            and (frame.arbitration_id ^ each.id) & each.mask == 0
            for each in self.filters
        ):
            return
        if self._unread >= self._fifo_depth:
            self.overruns += 1
            return
        self._unread += 1
        super().hear(frame, time_us)

    def read(self, count: int) -> None:
        """Make room: `count` frames were taken out of the FIFO.

        Raises:
            ValueError: the FIFO does not hold so many.
        """
        if not 0 <= count <= self._unread:
            raise ValueError(f"{count} frames read, {self._unread} in the FIFO")
        self._unread -= count
