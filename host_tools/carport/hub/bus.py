"""One CAN bus, sans-IO: who may send, how long it takes, who hears it, what goes wrong.

Time is an integer of microseconds that only ever grows, and comes in as an argument; `advance`
lets happen what has happened by then, and `next_timeout` says when something happens next.

- Frames that wait when the bus falls idle, or come within the first bit, contend; the lowest
  arbitration field wins, the others try again after it.
- A frame takes its exact bits, stuff bits and intermission included, and is heard by every other
  node when they have passed.
- Two nodes that send the same id collide: an error frame, TEC += 8 for both, REC += 1 for whoever
  listens, and both try again. TEC > 255 is bus-off, which discards what the node wanted to send.
- With nobody to acknowledge, the sender tries for ever; its TEC stops at 128, error passive.
- After bus-off a node is back when 128 times 11 bits have passed: an ordinary one by itself, a
  controller when it was restarted.

Where this differs from a wire: equal ids collide even if the data agrees in every bit, error
passive nodes disturb as active ones do and wait no longer, and bits break at regular intervals.

Source: ISO 11898-1:2015, 10 and 12.
"""

from collections import deque
from dataclasses import dataclass

from carport.hub.frame import Frame, header_bits, wire_bits
from carport.hub.node import TEC_BUS_OFF, TEC_PASSIVE, Cancelled, Node, Pending, Transmitted

ERROR_BITS = 6 + 8 + 3
RECOVERY_BITS = 128 * 11
_TEC_STEP = 8
_SECOND_US = 1_000_000


@dataclass(slots=True)
class _Transmission:
    """What is on the wire until end_us; more than one sender is a collision."""

    senders: list[tuple[Node, Pending]]
    is_acknowledged: bool
    end_us: int


class Bus:
    """A wire with its nodes, and counters of what went over it.

    breaks_every: one of so many frames is broken by an echo, as where a terminator is missing; 0
    for none.
    """

    def __init__(self, bitrate: int = 500_000) -> None:
        self.bitrate = bitrate
        self._bit_us = _SECOND_US // bitrate
        self.nodes: list[Node] = []
        self.frames = 0
        self.errors = 0
        self.breaks_every = 0
        self._since_broken = 0
        self._wire: _Transmission | None = None
        self._wanted_us: int | None = None
        self._busy: deque[tuple[int, int]] = deque()

    def attach(self, node: Node, now_us: int) -> None:
        """Let the node take part, with what it already waits to send."""
        self.advance(now_us)
        self.nodes.append(node)
        self._want(now_us)

    def detach(self, node: Node, now_us: int) -> None:
        """Cut the node off; a frame that it is sending breaks."""
        self.advance(now_us)
        self.nodes.remove(node)

    def transmit(self, node: Node, frame: Frame, now_us: int, index: int | None = None) -> None:
        """Queue a frame; with an index, the node's events tell what became of it."""
        self.advance(now_us)
        node.queue.append(Pending(frame, index))
        self._want(now_us)

    def cancel(self, node: Node, index: int, now_us: int) -> None:
        """Withdraw a frame: Cancelled follows, or Transmitted if it was too late."""
        self.advance(now_us)
        for pending in node.queue:
            if pending.index == index:
                break
        else:
            return
        if self._wire is not None and any(each is pending for _, each in self._wire.senders):
            pending.is_cancelled = True
        else:
            self._remove_cancelled(node, pending)

    def restart(self, node: Node, now_us: int) -> None:
        """Forget what the node waits to send and its errors; after bus-off it will be back."""
        self.advance(now_us)
        node.forget_queue()
        if node.is_bus_off:
            node.recover_us = now_us + self._duration_us(RECOVERY_BITS)
        else:
            node.tec = node.rec = 0

    def force_bus_off(self, node: Node, now_us: int) -> None:
        """Make the node go bus-off, as 32 errors in a row would."""
        self.advance(now_us)
        node.tec = TEC_BUS_OFF
        self._enter_bus_off(node, now_us)

    def next_timeout(self) -> int | None:
        """Return when `advance` has something to do, None if never."""
        due = None
        if self._wire is not None:
            due = self._wire.end_us
        elif self._wanted_us is not None:
            due = self._wanted_us + self._bit_us
        for node in self.nodes:
            if node.recover_us is not None and (due is None or node.recover_us < due):
                due = node.recover_us
        return due

    def advance(self, now_us: int) -> None:
        """Let everything happen that is due."""
        while (due_us := self.next_timeout()) is not None and due_us <= now_us:
            for node in self.nodes:
                if node.recover_us is not None and node.recover_us <= due_us:
                    node.recover_us = None
                    node.is_bus_off = False
                    node.tec = node.rec = 0
            if self._wire is not None:
                if self._wire.end_us <= due_us:
                    self._finish(self._wire)
            elif self._wanted_us is not None and self._wanted_us + self._bit_us <= due_us:
                self._arbitrate(self._wanted_us)
            self._want(due_us)

    def load_percent(self, now_us: int) -> float:
        """Return how much of the last second the wire was busy."""
        self._forget_before(now_us - _SECOND_US)
        busy_us = sum(
            min(end_us, now_us) - max(start_us, now_us - _SECOND_US)
            for start_us, end_us in self._busy
        )
        return 100 * busy_us / _SECOND_US

    def _contenders(self) -> list[tuple[Node, Pending]]:
        return [
            (node, head)
            for node in self.nodes
            if node.acknowledges and (head := node.head()) is not None
        ]

    def _want(self, now_us: int) -> None:
        """Note since when somebody wants the idle wire."""
        if self._wire is None and self._wanted_us is None and self._contenders():
            self._wanted_us = now_us

    def _arbitrate(self, start_us: int) -> None:
        self._wanted_us = None
        contenders = self._contenders()
        if not contenders:
            return
        urgent = min(pending.frame.priority for _, pending in contenders)
        senders = [each for each in contenders if each[1].frame.priority == urgent]
        node, pending = senders[0]
        is_acknowledged = any(each is not node and each.acknowledges for each in self.nodes)
        if len(senders) > 1:
            bits = header_bits(pending.frame) + ERROR_BITS
        elif is_acknowledged:
            bits = wire_bits(pending.frame)
        else:  # the error flag takes the place of delimiter, end of frame and intermission
            bits = wire_bits(pending.frame) - 11 + ERROR_BITS
        end_us = start_us + self._duration_us(bits)
        self._wire = _Transmission(senders, is_acknowledged, end_us)
        self._busy.append((start_us, end_us))
        self._forget_before(start_us - _SECOND_US)

    def _finish(self, wire: _Transmission) -> None:
        self._wire = None
        node, pending = wire.senders[0]
        self._since_broken += 1
        if self.breaks_every and self._since_broken >= self.breaks_every:
            self._since_broken = 0
            self._break(wire)
            return
        is_sound = len(wire.senders) == 1 and wire.is_acknowledged
        if is_sound and node in self.nodes and pending in node.queue:
            self._succeed(node, pending, wire.end_us)
        else:
            self._break(wire)

    def _succeed(self, sender: Node, pending: Pending, now_us: int) -> None:
        self.frames += 1
        sender.queue.remove(pending)
        sender.tec = max(sender.tec - 1, 0)
        if pending.index is not None:
            sender.events.append(Transmitted(pending.index, now_us))
        for node in self.nodes:
            if node is not sender and not node.is_bus_off:
                node.count_received()
                node.hear(pending.frame, now_us)

    def _break(self, wire: _Transmission) -> None:
        self.errors += 1
        senders = [node for node, _ in wire.senders]
        for node in self.nodes:
            if node not in senders and not node.is_bus_off:
                node.count_receive_error()
        for node, pending in wire.senders:
            if node not in self.nodes or pending not in node.queue:
                continue
            if pending.is_cancelled:
                self._remove_cancelled(node, pending)
            if wire.is_acknowledged or node.tec < TEC_PASSIVE:
                node.tec += _TEC_STEP
            if node.tec >= TEC_BUS_OFF:
                self._enter_bus_off(node, wire.end_us)

    def _remove_cancelled(self, node: Node, pending: Pending) -> None:
        node.queue.remove(pending)
        if pending.index is not None:
            node.events.append(Cancelled(pending.index))

    def _enter_bus_off(self, node: Node, now_us: int) -> None:
        node.is_bus_off = True
        node.fail_queue()
        if node.recovers_by_itself:
            node.recover_us = now_us + self._duration_us(RECOVERY_BITS)

    def _forget_before(self, time_us: int) -> None:
        while self._busy and self._busy[0][1] <= time_us:
            self._busy.popleft()

    def _duration_us(self, bits: int) -> int:
        return bits * _SECOND_US // self.bitrate
