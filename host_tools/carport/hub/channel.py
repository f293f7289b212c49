"""A named channel: its bus, and the controllers whose wires to it are cut.

A cut wire ends in a bus of its own with nobody else on it, so that such a controller sees what a
real one would: no acknowledgement. A controller at another bit rate is on such a bus as well, and
each frame of the channel is a broken one for it; unlike a real one it disturbs nobody.
"""

from carport.hub.bus import Bus
from carport.hub.node import Controller, Node


class Channel:
    """Nodes join and leave it by name; `bus_of` says on which wire each of them is."""

    def __init__(self, name: str, bitrate: int) -> None:
        self.name = name
        self.bus = Bus(bitrate)
        self._is_connected = True
        self._has_wrong_bitrate = False
        self._stubs: dict[Node, Bus] = {}
        self._seen = 0  # of the bus's frames, by those at another bit rate

    def join(self, node: Node, now_us: int) -> None:
        """Put a node on the bus, or a controller at the end of a cut wire."""
        if self._is_connected or not isinstance(node, Controller):
            self.bus.attach(node, now_us)
            return
        self._stubs[node] = Bus(self.bus.bitrate)
        self._stubs[node].attach(node, now_us)

    def leave(self, node: Node, now_us: int) -> None:
        """Take a node off."""
        self.bus_of(node).detach(node, now_us)
        self._stubs.pop(node, None)

    def bus_of(self, node: Node) -> Bus:
        """Return the wire that the node is on."""
        return self._stubs.get(node, self.bus)

    def set_connected(self, is_connected: bool, now_us: int) -> None:
        """Cut or mend the wires of all controllers, also of those that join later."""
        self._has_wrong_bitrate = False
        self._is_connected = is_connected
        for node in self._controllers():
            self.leave(node, now_us)
            self.join(node, now_us)

    def set_wrong_bitrate(self, now_us: int) -> None:
        """Let all controllers run at another bit rate than the rest, until they are connected."""
        self.set_connected(False, now_us)
        self._has_wrong_bitrate = True
        self._seen = self.bus.frames + self.bus.errors

    def force_bus_off(self, now_us: int) -> None:
        """Make all controllers go bus-off."""
        for node in self._controllers():
            self.bus_of(node).force_bus_off(node, now_us)

    def advance(self, now_us: int) -> None:
        """Let everything happen that is due."""
        for bus in (self.bus, *self._stubs.values()):
            bus.advance(now_us)
        if self._has_wrong_bitrate:
            seen = self.bus.frames + self.bus.errors
            for node in self._stubs:
                for _ in range(seen - self._seen):
                    node.count_receive_error()
            self._seen = seen

    def next_timeout(self) -> int | None:
        """Return when `advance` has something to do, None if never."""
        buses = (self.bus, *self._stubs.values())
        return min((due for bus in buses if (due := bus.next_timeout()) is not None), default=None)

    def _controllers(self) -> list[Node]:
        return [node for node in (*self.bus.nodes, *self._stubs) if isinstance(node, Controller)]
