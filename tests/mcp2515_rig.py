"""An MCP2515 driver on a model of the chip, wired up; runs in MicroPython too."""

from firmware.drivers.mcp2515 import MCP2515
from tests.models.mcp2515 import Chip
from tests.models.mcp2515_wiring import SPI, Bus, ChipSelect, InterruptPin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BITRATE = 500_000
CRYSTAL_HZ = 16_000_000


class Rig:
    """The chip, what is around it, and `driver()` for it."""

    def __init__(self, has_interrupt: bool = True, bus: "Bus | None" = None) -> None:
        self.chip = Chip()
        self.spi = SPI(self.chip)
        self.cs = ChipSelect(self.spi, self.chip)
        self.interrupt = InterruptPin(self.chip) if has_interrupt else None
        self.bus = bus or Bus()
        self.bus.join(self.chip)

    def driver(self, rx_fifo_len: int = 32, crystal_hz: int = CRYSTAL_HZ) -> MCP2515:
        """Return a driver that has only been constructed."""
        return MCP2515(
            self.spi, self.cs, self.interrupt, crystal_hz=crystal_hz, rx_fifo_len=rx_fifo_len
        )

    def controller(
        self,
        filters: "Iterable[tuple[int, int, int]] | None" = None,
        mode: int = MCP2515.MODE_NORMAL,
        rx_fifo_len: int = 32,
    ) -> MCP2515:
        """Return a driver that is on the bus."""
        can = self.driver(rx_fifo_len)
        can.init(BITRATE, mode)
        can.set_filters(filters)
        return can

    def transfers(self) -> "list[bytes]":
        """Return what was sent over SPI since the last call, from CS edge to CS edge."""
        transfers = self.spi.transfers
        self.spi.transfers = []
        return transfers


def record(can: MCP2515, trigger: int) -> "list[int]":
    """Return a list that fills with the flags of what happens."""
    events: list[int] = []

    def handler(can: MCP2515) -> None:
        while flags := can.irq().flags():
            events.append(flags)

    can.irq(handler, trigger)
    return events


def outcome(flags: int) -> "tuple[str, int]":
    """Return what became of which transmit buffer."""
    index = flags >> MCP2515.IRQ_TX_IDX_SHIFT & MCP2515.IRQ_TX_IDX_MASK
    return ("failed" if flags & MCP2515.IRQ_TX_FAILED else "sent", index)
