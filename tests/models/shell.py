"""The core's shell as a model: time that is set, storage that can be cut, a bus that is a list."""

import os
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carport.profile import compile_profile
from gateway.core import Gateway
from gateway.vault.records import BLOCK_PREFIX, WIPE
from gateway.vehicle.command import Transmission
from gateway.vehicle.commands import STATE_ACTIVE
from tests.aes import AES

if TYPE_CHECKING:
    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.records import Data

PROFILES = Path(__file__).resolve().parents[2] / "gateway" / "profiles"


@cache
def profile(name: str = "reference") -> dict[str, Any]:
    """Return a compiled profile."""
    return compile_profile(PROFILES / name)


def is_block(name: str) -> bool:
    """Tell whether a record of this name is read only when it is asked for."""
    return name.startswith(BLOCK_PREFIX)


class Shell:
    """Drives a Gateway: saves at once unless it `holds_saves`, or the flash `is_full`; keeps what
    comes out.

    Attributes:
        storage: what is durable, {name: bytes}; give it to the next Shell for a reboot.
        frames: what was handed to the controllers and not yet reported.
        sent: all frames that were acknowledged on the wire.
        datagrams: what was sent, with its peer.
    """

    is_bench = True

    def __init__(
        self,
        storage: dict[str, bytes] | None = None,
        now_ms: int = 0,
        car: str = "reference",
        *,
        aes: "BlockCipherFactory" = AES,
        random: Callable[[int], bytes] | None = None,
    ) -> None:
        self.storage = {} if storage is None else storage
        self.now_ms = now_ms
        self.holds_saves = False
        self.is_full = False
        self.acknowledges_frames = True
        self.frames: list[Transmission] = []
        self.sent: list[Transmission] = []
        self.cancelled: list[Transmission] = []
        self.datagrams: list[tuple[bytes, Hashable]] = []
        self.logs: list[str] = []
        self.on_sent: Callable[[Transmission], None] | None = None
        self.gateway = Gateway(
            profile(car),
            {name: self.storage[name] for name in self.storage if not is_block(name)},
            aes,
            random or os.urandom,
            now_ms,
            "test",
            dict,
            self.is_bench,
            read_block=self.storage.get,
        )
        self.car = car
        for bus in range(len(profile(car)["buses"])):
            self.gateway.bus_state(bus, STATE_ACTIVE, now_ms)
        self.drain()

    def receive_datagram(self, data: bytes, peer: Hashable = "host", cable: bool = False) -> None:
        self.gateway.receive_datagram(data, peer, self.now_ms, cable, str(peer))
        self.drain()

    def receive_frame(self, arbitration_id: int, data: bytes, bus: int = 0) -> None:
        self.gateway.receive_frame(bus, [arbitration_id, memoryview(data), 0, 0], self.now_ms)
        self.drain()

    def advance(self, duration_ms: int) -> None:
        """Let time pass, calling the core at each of its deadlines."""
        end_ms = self.now_ms + duration_ms
        for _ in range(10_000):
            due_ms = self.gateway.next_timeout()
            if due_ms is None or due_ms > end_ms:
                self.now_ms = end_ms
                return
            self.now_ms = max(self.now_ms, due_ms)
            self.gateway.handle_timer(self.now_ms)
            self.drain()
        raise AssertionError("the core's deadlines do not move on")

    def drain(self) -> None:
        """Do what a runner does after each input."""
        gateway = self.gateway
        while True:
            self.logs += gateway.logs()
            saves = [] if self.holds_saves else gateway.saves()
            if saves and self.is_full:
                gateway.saving_failed(True, self.now_ms)
                saves = []
            for number, name, data in saves:
                self.save(name, data)
                gateway.saved(number, self.now_ms)
            frames = gateway.frames()
            self.frames += frames
            self.datagrams += gateway.datagrams()
            cancels = gateway.cancels()
            for transmission in cancels:
                if transmission in self.frames:
                    self.frames.remove(transmission)
                    self.cancelled.append(transmission)
                    gateway.frame_failed(transmission, self.now_ms)
            if self.acknowledges_frames:
                self.acknowledge_frames()
            if not saves and not frames and not cancels:
                return

    def save(self, name: str, data: "Data | None") -> None:
        """Make one change durable."""
        if name == WIPE:
            self.storage.clear()
        elif data is None:
            self.storage.pop(name, None)
        else:
            self.storage[name] = b"".join(data) if isinstance(data, list) else data

    def acknowledge_frames(self) -> None:
        """Let the bus take all frames that wait in the controllers."""
        while self.frames:
            transmission = self.frames.pop(0)
            self.sent.append(transmission)
            self.gateway.frame_sent(transmission, self.now_ms)
            if self.on_sent is not None:
                self.on_sent(transmission)

    def reboot(self) -> "Shell":
        """Return the shell of the same board after its power was cut: only storage is left."""
        return Shell(self.storage, 0, self.car)
