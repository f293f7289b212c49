"""What the MCP2515 driver moves over SPI for a frame, counted on the model of the chip."""

from dataclasses import dataclass

from firmware.drivers.mcp2515_filters import HardwareFilters
from tests.mcp2515_rig import Rig

CLOCK_HZ = 10_000_000
"""The most that the chip takes, and what the ESP32's port uses."""

_WANTED = [(each, 0x7FF, 0) for each in range(0x100, 0x800, 0x111)]  # too many for six filters
_DATA = bytes(8)


@dataclass(frozen=True)
class Cost:
    """Transfers, from chip select to chip select, and the bytes in them."""

    transfers: int
    bytes: int

    @property
    def wire_us(self) -> float:
        """How long the bytes take."""
        return self.bytes * 8e6 / CLOCK_HZ


def count() -> dict[str, Cost]:
    """Return the cost of a frame of each kind; all have 8 bytes."""
    hardware = HardwareFilters(_WANTED)
    wanted = {each for each, _, _ in _WANTED}
    foreign = [each for each in range(0x800) if each not in wanted]
    passing = next(each for each in foreign if hardware.accepts(each, 0))
    stopped = next(each for each in foreign if not hardware.accepts(each, 0))
    return {
        "received, with the INT pin": _received(_WANTED[0][0]),
        "received, polled": _received(_WANTED[0][0], has_interrupt=False),
        "refused by the chip's filters": _received(stopped),
        "refused by the driver": _received(passing),
        "sent, and told that it was": _sent(),
    }


def _received(identifier: int, has_interrupt: bool = True) -> Cost:
    rig = Rig(has_interrupt)
    can = rig.controller(_WANTED)
    rig.transfers()
    rig.bus.deliver((identifier, False, False, _DATA))
    while can.recv() is not None:
        pass
    return _cost(rig)


def _sent() -> Cost:
    rig = Rig()
    can = rig.controller(_WANTED)
    can.irq(lambda can: can.irq().flags(), can.IRQ_TX)
    rig.transfers()
    assert can.send(_WANTED[0][0], _DATA) is not None
    rig.bus.run()
    return _cost(rig)


def _cost(rig: Rig) -> Cost:
    transfers = rig.transfers()
    return Cost(len(transfers), sum(map(len, transfers)))
