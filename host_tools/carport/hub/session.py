"""One client's conversation with the hub, sans-IO: messages and the time in, text out.

    greeted --open--> opened --rawmode, send--> an ordinary node; with rawmode it receives
                         `--controller--------> a controller, which `stop` takes off the bus

Before that a client has no node, so that nobody acknowledges who may turn out to be silent. An
ordinary client might read `< ok >` and a frame in one piece, which python-can cannot bear, so
frames wait until it has shown that it got the `< ok >`, by saying anything, or for HOLD_US.
"""

from collections.abc import Mapping

from carport.hub.channel import Channel
from carport.hub.node import Cancelled, Controller, Failed, Node, Received, State, Transmitted
from carport.hub.protocol import (
    STATE_NAMES,
    ProtocolError,
    format_frame,
    format_received,
    format_time,
    parse_filters,
    parse_frame,
    parse_number,
)

HOLD_US = 100_000
FIFO_DEPTH_MAX = 4096
TX_BUFFERS = 3
TX_QUEUE_MAX = 65_536
_OK = "< ok >"


class Session:
    """A client from its connection to its end."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = channels
        self._channel: Channel | None = None
        self._node: Node | None = None
        self._is_receiving = False
        self._hold_until_us: int | None = None
        self._reported = (0, 0, State.ACTIVE)
        self._reported_overruns = 0
        self._out = ["< hi >"]

    def handle(self, words: list[str], now_us: int) -> None:
        """Obey one message, or say in `< error >` why not."""
        self._hold_until_us = None
        try:
            self._obey(words, now_us)
        except ProtocolError as error:
            self._out.append(f"< error {error} >")

    def close(self, now_us: int) -> None:
        """Take the client's node off the bus."""
        if self._channel is not None and self._node is not None:
            self._channel.leave(self._node, now_us)
        self._node = None

    def next_timeout(self) -> int | None:
        """Return when frames that were held back may go."""
        return self._hold_until_us

    def take_output(self, now_us: int, epoch_us: int) -> str:
        """Return what the client is to read now; epoch_us is the bus's time 0 from 1970."""
        if self._node is not None:
            self._report(self._node, now_us, epoch_us)
        text = "".join(self._out)
        self._out.clear()
        return text

    def _obey(self, words: list[str], now_us: int) -> None:
        match words, self._channel, self._node:
            case ["echo"], _, _:
                self._out.append("< echo >")
            case ["open", name], None, _:
                if name not in self._channels:
                    raise ProtocolError(f"no channel {name}")
                self._channel = self._channels[name]
                self._out.append(_OK)
            case ["controller", depth, mode, bitrate], Channel() as channel, _:
                self._become_controller(channel, depth, mode, bitrate, now_us)
            case [word, *arguments], Channel() as channel, Controller() as node:
                self._control(channel, node, word, arguments, now_us)
            case ["rawmode"], Channel() as channel, _:
                self._join(channel, now_us).events.clear()
                self._out.append(_OK)
                self._is_receiving = True
                self._hold_until_us = now_us + HOLD_US
            case ["send", *arguments], Channel() as channel, _:
                frame = parse_frame(arguments)
                sender = self._join(channel, now_us)
                if len(sender.queue) >= TX_QUEUE_MAX:
                    raise ProtocolError("the transmit queue is full")
                channel.bus_of(sender).transmit(sender, frame, now_us)
            case _:
                raise ProtocolError(f"{' '.join(words[:1])} is not understood here")

    def _join(self, channel: Channel, now_us: int) -> Node:
        """Return the client's node, an ordinary one that joins the bus now if there is none."""
        if self._node is None:
            self._node = Node()
            channel.join(self._node, now_us)
        return self._node

    def _become_controller(
        self, channel: Channel, depth_word: str, mode: str, bitrate: str, now_us: int
    ) -> None:
        depth = parse_number(depth_word)
        if not 0 < depth <= FIFO_DEPTH_MAX or mode not in ("normal", "silent"):
            raise ProtocolError("controller wants a FIFO's depth, normal or silent, a bit rate")
        if parse_number(bitrate) != channel.bus.bitrate:
            raise ProtocolError(f"the bus runs at {channel.bus.bitrate} bit/s")
        self.close(now_us)
        self._node = Controller(depth, is_silent=mode == "silent")
        channel.join(self._node, now_us)
        self._reported = (0, 0, State.ACTIVE)
        self._reported_overruns = 0
        self._is_receiving = True
        self._out.append(_OK)

    def _control(
        self, channel: Channel, node: Controller, word: str, arguments: list[str], now_us: int
    ) -> None:
        bus = channel.bus_of(node)
        match word, arguments:
            case "filters", _:
                bus.advance(now_us)
                node.filters = parse_filters(arguments)
                self._out.append(_OK)
            case "transmit", [index_word, *frame_words]:
                index = parse_number(index_word)
                if index >= TX_BUFFERS or any(each.index == index for each in node.queue):
                    raise ProtocolError(f"transmit buffer {index} is not free")
                frame = parse_frame(frame_words)
                if node.is_bus_off:
                    self._out.append(f"< failed {index} >")
                else:
                    bus.transmit(node, frame, now_us, index)
            case "cancel", [index_word]:
                bus.cancel(node, parse_number(index_word), now_us)
            case "read", [count]:
                bus.advance(now_us)
                try:
                    node.read(parse_number(count))
                except ValueError as error:
                    raise ProtocolError(str(error)) from None
            case "broken", []:
                bus.advance(now_us)
                self._out.append(f"< broken {node.broken} >{_OK}")
            case "restart", []:
                bus.restart(node, now_us)
                self._out.append(_OK)
            case "stop", []:
                self.close(now_us)
                self._out.append(_OK)
            case _:
                raise ProtocolError(f"{word} is not understood here")

    def _report(self, node: Node, now_us: int, epoch_us: int) -> None:
        """Put what happened to the node into the output."""
        is_controller = isinstance(node, Controller)
        if isinstance(node, Controller):
            self._report_state(node)
        if not self._is_receiving:
            node.events.clear()
        if self._hold_until_us is not None:
            if now_us < self._hold_until_us:
                return
            self._hold_until_us = None
        for event in node.events:
            match event:
                case Received(frame, _) if is_controller:
                    self._out.append(format_received(frame))
                case Received(frame, time_us):
                    self._out.append(format_frame(frame, epoch_us + time_us))
                case Transmitted(index, time_us):
                    time = format_time(epoch_us + time_us)
                    self._out.append(f"< transmitted {index} {time} >")
                case Failed(index):
                    self._out.append(f"< failed {index} >")
                case Cancelled(index):
                    self._out.append(f"< cancelled {index} >")
        node.events.clear()

    def _report_state(self, node: Controller) -> None:
        state = (node.tec, node.rec, node.state)
        if state != self._reported:
            self._reported = state
            self._out.append(f"< state {node.tec} {node.rec} {STATE_NAMES[node.state]} >")
        if node.overruns != self._reported_overruns:
            self._out.append(f"< overrun {node.overruns - self._reported_overruns} >")
            self._reported_overruns = node.overruns
