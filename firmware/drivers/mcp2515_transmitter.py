"""The MCP2515's three transmit buffers as machine.CAN's queue, the most urgent id first.

The chip does not know ids: it sends the buffer with the highest TXP (0 to 3), and among equals the
one with the highest number. A new frame's rank, TXP << 2 | buffer, is chosen between the ranks of
those that wait, which stay untouched: above the less urgent ones, below the others. From an empty
queue there is always room for any two more. Later no rank may be left at the right place until a
frame has gone; then `find_rank` says so, as when all buffers are taken.

Alone, a frame takes buffer 0, which erratum 2 spares. Sources: DS20001801J section 3; DS80179G,
whose erratum 5 is the reason to request transmission by RTS, and never by setting TXREQ.
"""

from firmware.drivers.mcp2515_registers import TXB0CTRL, Registers
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import SPI, Pin

BUFFERS = const(3)
NO_RANK = const(-1)
SENT = const(1)  # IRQ_TX
FAILED = const(5)  # IRQ_TX | IRQ_TX_FAILED

_FLAG_RTR = const(1)  # machine.CAN's, as are the next two
_FLAG_EXT_ID = const(2)
_FLAG_UNORDERED = const(16)

_WRITE = const(0x02)
_LOAD_TX = const(0x40)
_RTS = (b"\x81", b"\x82", b"\x84")
_EXIDE = const(0x08)
_RTR = const(0x40)
_TXREQ = const(0x08)  # of TXBnCTRL
_ABORTED = const(0x40)  # of TXBnCTRL

_TOP_RANK = const(16)
# In this order, what comes next finds room above, between and below.
_RANKS = bytes((8, 5, 2, 13, 14, 10, 6, 12, 4, 9, 1, 0))
_FIRST_PRIORITIES = bytes((2, 1, 0))


class Transmitter:
    """What is being sent."""

    def __init__(self, spi: "SPI", cs: "Pin", registers: Registers) -> None:
        self._spi = spi
        self._cs = cs
        self._registers = registers
        # WRITE, the address of TXBnCTRL, TXP or LOAD TX BUFFER; SIDH to DLC; the data.
        self._write = bytearray(16)
        self._load = memoryview(self._write)[2:]
        self._priorities = bytearray(BUFFERS)
        self._ranks = bytearray(BUFFERS)
        self._urgencies = [0] * BUFFERS
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.pending = bytearray(BUFFERS)
        self.outcomes = bytearray(BUFFERS)
        self.unreported = bytearray(BUFFERS)
        self.cancelling = 0

    def write_priorities(self) -> None:
        """Give the chip's empty buffers the ranks that suit three frames in order."""
        for index in range(BUFFERS):
            address = TXB0CTRL + (index << 4)
            self._registers.write_checked(address, _FIRST_PRIORITIES[index : index + 1])
            self._priorities[index] = _FIRST_PRIORITIES[index]

    def encode(self, id: int, flags: int) -> int:
        """Put the identifier into the next frame; return a number that is lower, the more urgent.

        Raises:
            ValueError: the id is out of range.
        """
        frame = self._write
        if flags & _FLAG_EXT_ID:
            if not 0 <= id <= 0x1FFFFFFF:
                raise ValueError("invalid id")
            frame[3] = id >> 21
            frame[4] = id >> 13 & 0xE0 | _EXIDE | id >> 16 & 3
            frame[5] = id >> 8 & 0xFF
            frame[6] = id & 0xFF
            return id >> 18 << 19 | 1 << 18 | id & 0x3FFFF
        if not 0 <= id <= 0x7FF:
            raise ValueError("invalid id")
        frame[3] = id >> 3
        frame[4] = (id & 7) << 5
        return id << 19

    def find_rank(self, urgency: int, flags: int) -> int:
        """Return the rank for a frame, NO_RANK if there is none."""
        above, below = _TOP_RANK, NO_RANK
        pending, unreported = self.pending, self.unreported
        for index in range(BUFFERS):
            if pending[index]:
                rank = self._ranks[index]
                other = self._urgencies[index]
                if other < urgency or (other == urgency and not flags & _FLAG_UNORDERED):
                    if rank < above:
                        above = rank
                elif other > urgency and rank > below:
                    below = rank
        for rank in _RANKS:
            index = rank & 3
            if below < rank < above and not (pending[index] or unreported[index]):
                return rank
        return NO_RANK

    def send(
        self, urgency: int, rank: int, data: "bytes | bytearray | memoryview", flags: int
    ) -> int:
        """Send the frame that was last encoded; return its buffer."""
        frame = self._write
        size = len(data)
        frame[7] = size | _RTR if flags & _FLAG_RTR else size
        for i in range(size):
            frame[8 + i] = data[i]
        index = rank & 3
        priority = rank >> 2
        spi, cs = self._spi, self._cs
        cs(0)
        if self._priorities[index] == priority:
            frame[2] = _LOAD_TX | index << 1
            spi.write(self._load)
        else:
            frame[0] = _WRITE
            frame[1] = TXB0CTRL + (index << 4)
            frame[2] = priority
            spi.write(frame)
            self._priorities[index] = priority
        cs(1)
        cs(0)
        spi.write(_RTS[index])
        cs(1)
        self._ranks[index] = rank
        self._urgencies[index] = urgency
        self.pending[index] = 1
        return index

    def cancel(self, index: int) -> None:
        """Ask the chip to withdraw a frame; `follow_cancelled` finds out what becomes of it."""
        self._registers.modify(TXB0CTRL + (index << 4), _TXREQ, 0)
        self.cancelling |= 1 << index

    def follow_cancelled(self) -> "int | None":
        """Return a frame that is withdrawn by now, None if there is none: no interrupt tells."""
        for index in range(BUFFERS):
            if self.cancelling >> index & 1:
                control = self._registers.read(TXB0CTRL + (index << 4))[0]
                if control & _ABORTED and not control & _TXREQ:
                    return index
        return None

    def finish(self, index: int, outcome: int, is_reported: bool) -> bool:
        """Take note that a frame was SENT or has FAILED; False if it was not pending."""
        self.cancelling &= ~(1 << index)
        if not self.pending[index]:
            return False
        self.pending[index] = 0
        self.outcomes[index] = outcome
        self.unreported[index] = is_reported
        return True
