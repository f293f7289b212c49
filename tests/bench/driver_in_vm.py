"""Runs in the MicroPython VM: what a frame costs from the MCP2515's INT to the car's state.

    name us us us ...

us is how long one frame took. C functions that do nothing stand in for the SPI bus and the pins:
what they would have brought is in the driver's buffers already, and the time on the wires is
reckoned elsewhere (spi.py). Arguments: the file of inputs (see inputs.py), and how many runs.
"""

import gc
import os
import time

from firmware.aes import AES
from firmware.bench_loop import DOORS, Rig
from firmware.can_bus import CanBus
from firmware.drivers.mcp2515_filters import WantedIds
from gateway import cbor
from tests.mcp2515_rig import BITRATE
from tests.mcp2515_rig import Rig as ChipRig

FOREIGN_ID = 0x7FF
FRAMES_A_RUN = 64
RING = 32
WARM_UP_RUNS = 8

RX0_FULL = 1


class Spi:
    """The model's SPI bus, until it is silenced."""

    def __init__(self, spi) -> None:  # type: ignore[no-untyped-def]
        self.write = spi.write
        self.write_readinto = spi.write_readinto

    def silence(self) -> None:
        """Do nothing from now on."""
        self.write_readinto = max


def fill(can, frames) -> None:  # type: ignore[no-untyped-def]
    """Put frames into the buffers that READ RX BUFFER would fill."""
    for i, slot in enumerate(can._receiver._slots):
        arbitration_id, data = frames[i % len(frames)]
        slot[1] = arbitration_id >> 3
        slot[2] = (arbitration_id & 7) << 5
        slot[5] = len(data)
        slot[6 : 6 + len(data)] = data


def main(inputs: str, runs: str) -> None:
    with open(inputs, "rb") as file:
        profile, frames = cbor.decode(file.read())
    rig = Rig(profile, frames, AES, os.urandom)
    chip = ChipRig()
    chip.spi = spi = Spi(chip.spi)  # type: ignore[assignment]
    can = chip.driver(RING)
    can.init(BITRATE)
    filters = profile["filters"][0]
    bus = CanBus(rig.gateway, 0, can, BITRATE, None, filters)  # type: ignore[arg-type]
    bus.handle(rig.now_ms)
    spi.silence()
    can._cs = can._receiver._cs = abs
    can._interrupt = time.ticks_ms  # type: ignore[attr-defined]  # it is high
    can._answer[2], can._answer[3] = RX0_FULL, 0
    pump, handle = can.pump, bus.handle

    def accept() -> None:
        now_ms = rig.now_ms
        for _ in range(FRAMES_A_RUN):
            pump()
            handle(now_ms)

    def refuse() -> None:
        for _ in range(FRAMES_A_RUN):
            pump()

    accepted = rig.counters()["accepted"]
    fill(can, [rig.next_frame(DOORS)[:2] for _ in frames[DOORS]])
    measure("mcp2515_accepted", accept, int(runs))
    accepted = rig.counters()["accepted"] - accepted
    assert accepted == (WARM_UP_RUNS + int(runs)) * FRAMES_A_RUN

    fill(can, [(FOREIGN_ID, bytes(8))])
    can._wanted = WantedIds(filters)
    measure("mcp2515_refused", refuse, int(runs))
    assert can._receiver.count == 0


def measure(name: str, run, runs: int) -> None:  # type: ignore[no-untyped-def]
    for _ in range(WARM_UP_RUNS):
        run()
    print(name, end="")
    for _ in range(runs):
        gc.collect()
        start = time.ticks_us()  # type: ignore[attr-defined]
        run()
        taken = time.ticks_diff(time.ticks_us(), start)  # type: ignore[attr-defined]
        print("", taken / FRAMES_A_RUN, end="")
    print()
