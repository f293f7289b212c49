"""What connects an MCP2515 model: machine.SPI, machine.Pin, and a bus; runs in MicroPython too.

The SPI counts transfers, from one falling edge of chip select to the next, and bytes. Its hooks
let a test act in the middle of the driver's work, spoil bits, or lose an interrupt's edge.

Unlike machine.Pin's, the interrupt handler runs at once, wherever the driver is.
"""

from tests.models.mcp2515 import Chip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.models.mcp2515 import Frame


class SPI:
    """machine.SPI in mode 0,0, with one chip on it."""

    def __init__(self, chip: Chip) -> None:
        self.transfers: list[bytes] = []
        self.before_transfer: Callable[[], None] | None = None
        self.before_byte: Callable[[int], None] | None = None
        self.spoil_out: Callable[[int, int], int] | None = None
        self.spoil_in: Callable[[int, int], int] | None = None
        self._chip = chip
        self._position = 0

    def start(self) -> None:
        """Chip select falls."""
        if self.before_transfer is not None:
            self.before_transfer()
        self._position = 0
        self.transfers.append(b"")

    def write(self, data: bytes) -> None:
        """Send bytes."""
        for byte in bytes(data):
            self._exchange(byte)

    def write_readinto(self, data: bytes, into: bytearray) -> None:
        """Send bytes and keep what comes back."""
        assert len(data) == len(into)
        for i, byte in enumerate(bytes(data)):
            into[i] = self._exchange(byte)

    def _exchange(self, byte: int) -> int:
        position = self._position
        self._position += 1
        if self.before_byte is not None:
            self.before_byte(position)
        self.transfers[-1] += bytes((byte,))
        if self.spoil_out is not None:
            byte = self.spoil_out(position, byte)
        answer = self._chip.exchange(byte)
        return answer if self.spoil_in is None else self.spoil_in(position, answer)


class ChipSelect:
    """The pin at CS."""

    def __init__(self, spi: SPI, chip: Chip) -> None:
        self._spi = spi
        self._chip = chip
        self._level = 0  # as a pin may be before its driver starts

    def __call__(self, level: int) -> None:
        """Set the level."""
        if level == self._level:
            return
        self._level = level
        if level:
            self._chip.deselect()
        else:
            self._spi.start()
            self._chip.select()


class InterruptPin:
    """The pin at INT."""

    IRQ_FALLING = 2

    def __init__(self, chip: Chip) -> None:
        self.edges_to_lose = 0
        self._chip = chip

    def __call__(self) -> int:
        """Return the level."""
        return self._chip.interrupt

    def irq(self, handler: "Callable[[InterruptPin], None]", trigger: int) -> None:
        """Call handler(pin) at each falling edge."""
        assert trigger == self.IRQ_FALLING

        def on_interrupt() -> None:
            if self.edges_to_lose:
                self.edges_to_lose -= 1
            else:
                handler(self)

        self._chip.on_interrupt = on_interrupt


class Bus:
    """The wire between some chips and a peer, which is one more node, played by the test."""

    def __init__(self) -> None:
        self.has_peer = True
        self.sent: list[Frame] = []
        self._chips: list[Chip] = []

    def join(self, chip: Chip) -> None:
        """Connect a chip."""
        self._chips.append(chip)

    def deliver(self, frame: "Frame") -> None:
        """The peer sends a frame."""
        for chip in self._chips:
            chip.receive(frame)

    def step(self) -> bool:
        """Let the most urgent frame be sent, once; False if nobody wants to send."""
        frames = [(frame, chip) for chip in self._chips if (frame := chip.start_transmission())]
        if not frames:
            return False
        frame, sender = min(frames, key=lambda each: _urgency(each[0]))
        for _, chip in frames:
            if chip is not sender:
                chip.end_transmission("arbitration")
        others = [chip for chip in self._chips if chip is not sender]
        if self.has_peer or any(chip.acknowledges() for chip in others):
            self.sent.append(frame)
            sender.end_transmission()
            for chip in others:
                chip.receive(frame)
        else:
            sender.end_transmission("acknowledge")
        return True

    def run(self, attempts: int = 100) -> None:
        """Let everything be sent that can be."""
        for chip in self._chips:
            chip.run_loopback()
        for _ in range(attempts):
            if not self.step():
                return


def _urgency(frame: "Frame") -> "tuple[int, bool, int]":
    identifier, is_extended, _, _ = frame
    if not is_extended:
        return identifier, False, 0
    return identifier >> 18, True, identifier & 0x3FFFF
