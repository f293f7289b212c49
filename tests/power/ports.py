"""What stands around the firmware in the VM: its links, its controllers and its flash, as lists.

Where they differ from a board's: a frame is acknowledged at the runner's next turn, unless the bus
is deaf, and nothing waits for a stream.
"""

import os

import vfs  # type: ignore[import-not-found]

from firmware.key_partition import KeyPartition
from gateway.vehicle.command import Transmission
from gateway.vehicle.commands import STATE_ACTIVE
from tests.power.chip import Partition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.power.machine import Machine

MOUNT = "/flash"
KEY_BLOCKS = 2  # behind those of the file system
CABLE = "cable"


class Clock:
    """The time, as it was set."""

    def __init__(self) -> None:
        self.time_ms = 0

    def now_ms(self) -> int:
        return self.time_ms


class Source:
    """What the runner may take input from at each turn: what is in `inputs`, one a turn."""

    def __init__(self) -> None:
        self.stream = open("/dev/zero", "rb")  # noqa: SIM115 - always has something to read
        self.inputs: list[Any] = []

    def handle(self, now_ms: int) -> None:
        if self.inputs:
            self.take(self.inputs.pop(0), now_ms)

    def take(self, given: "Any", now_ms: int) -> None:
        raise NotImplementedError


class Link(Source):
    """The network or the cable."""

    def __init__(self, machine: "Machine", is_cable: bool) -> None:
        Source.__init__(self)
        self._machine = machine
        self._is_cable = is_cable

    def take(self, given: "Any", now_ms: int) -> None:
        data, peer = given
        self._machine.gateway.receive_datagram(data, peer, now_ms, self._is_cable, peer)

    def send(self, data: bytes, peer: str = CABLE) -> None:
        self._machine.tell("datagram", data, peer)

    def log(self, line: str) -> None:
        self._machine.tell("log", line)


class Bus(Source):
    """A controller: `deaf` while no node acknowledges its frames."""

    garbage_kib = 0

    def __init__(self, machine: "Machine", index: int) -> None:
        Source.__init__(self)
        self._machine = machine
        self._index = index
        self.is_deaf = False
        self.frames: list[Transmission] = []
        self.waits_until_ms = 0

    def start(self, now_ms: int) -> None:
        self._machine.gateway.bus_state(self._index, STATE_ACTIVE, now_ms)

    def set_armed(self, is_armed: bool, now_ms: int) -> None:
        self.frames = []
        self.waits_until_ms = 0

    def next_timeout(self) -> "int | None":
        return None

    def handle_timer(self, now_ms: int) -> None:
        pass

    def take(self, given: "Any", now_ms: int) -> None:
        arbitration_id, data = given
        frame = [arbitration_id, memoryview(data), 0, 0]
        self._machine.gateway.receive_frame(self._index, frame, now_ms)

    def handle(self, now_ms: int) -> None:
        while self.frames and not self.is_deaf:
            self._machine.gateway.frame_sent(self._end(self.frames[0]), now_ms)
        Source.handle(self, now_ms)

    def send(self, transmission: Transmission, now_ms: int) -> None:
        receipt = transmission.command.receipt
        frame = (transmission.arbitration_id, transmission.data, receipt.kid, receipt.id)
        self._machine.tell("frame", *frame)
        self.frames.append(transmission)
        self.waits_until_ms = max(self.waits_until_ms, transmission.deadline_ms)

    def cancel(self, transmission: Transmission) -> None:
        if transmission in self.frames:
            now_ms = self._machine.clock.time_ms
            self._machine.gateway.frame_failed(self._end(transmission), now_ms)

    def _end(self, transmission: Transmission) -> Transmission:
        self.frames.remove(transmission)
        if not self.frames:
            self.waits_until_ms = 0
        return transmission


class Flash:
    """The part of a board that firmware/start.py opens the storage with."""

    def __init__(self, machine: "Machine", is_reset: bool) -> None:
        self._machine = machine
        self._is_reset = is_reset
        self._files = Partition(machine.chip, 0, machine.blocks)
        self._keys = Partition(machine.chip, machine.blocks, KEY_BLOCKS)

    def is_button_held(self, duration_ms: int) -> bool:
        return self._is_reset

    def open_key_partition(self) -> KeyPartition:
        return KeyPartition(self._keys)

    def mount(self) -> str:
        unmount()
        vfs.mount(self._files, MOUNT)
        return MOUNT

    def format(self) -> None:
        self._machine.tell("formatted")
        unmount()
        vfs.VfsLfs2.mkfs(self._files)

    def log(self, line: str) -> None:
        pass


def unmount() -> None:
    """Forget the file system that is mounted, if there is one."""
    if MOUNT[1:] in os.listdir("/"):
        vfs.umount(MOUNT)
