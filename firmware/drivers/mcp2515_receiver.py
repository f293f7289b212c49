"""The MCP2515's receive side: two buffers in the chip, and the ring that their frames go to.

A frame that finds receive buffer 0 full rolls over into buffer 1. So of two full buffers 0 is the
older one, except right after 0 alone was read: then 1 was filled meanwhile, and 0 again. Should
two whole frames arrive between such a read and the next look at the chip, they are swapped.

Source: DS20001801J section 4 and figure 12-3.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import SPI, Pin

    from firmware.drivers.mcp2515_filters import WantedIds

_FLAG_RTR = const(1)  # machine.CAN's, as are the next three
_FLAG_EXT_ID = const(2)
_ERR_FULL = const(1)
_ERR_OVERRUN = const(2)

# READ RX BUFFER, followed by SIDH, SIDL, EID8, EID0, DLC and the data.
_READ_RX = (b"\x90" + bytes(13), b"\x94" + bytes(13))
_FRAME_BYTES = const(14)
_SRR = const(0x10)  # of SIDL: a standard remote frame
_EXIDE = const(0x08)  # of SIDL
_RTR = const(0x40)  # of DLC: an extended remote frame


class Receiver:
    """The frames that have been received: a ring of `length`."""

    count: int
    """How many there are."""

    is_stalled: bool
    """The ring is full, and the chip has more."""

    is_accepting: bool
    """A frame has come into the ring since this was last set to False."""

    is_rxb1_older: bool
    """Buffer 0 was read last, and the chip has not been seen empty since."""

    def __init__(self, spi: "SPI", cs: "Pin", length: int) -> None:
        self._spi = spi
        self._cs = cs
        self._length = length
        self._slots = [bytearray(_FRAME_BYTES) for _ in range(length)]
        self._slot_data = [memoryview(slot)[6:] for slot in self._slots]
        self._ids = [0] * length
        self._flags = bytearray(length)
        self._data = bytearray(8)
        self._views = [memoryview(self._data)[:size] for size in range(9)]
        self._no_data = bytes(8)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.count = self._first = self._errors = 0
        self.is_stalled = self.is_accepting = self.is_rxb1_older = False

    def note_overrun(self) -> None:
        """A frame was lost: the next one that is taken says so."""
        self._errors |= _ERR_FULL | _ERR_OVERRUN

    def read(self, full: int, wanted: "WantedIds | None") -> None:
        """Read the buffers that are full, bit 0 and bit 1; allocates nothing.

        wanted: what may pass; None if the hardware lets nothing else through.
        """
        spi, cs, length = self._spi, self._cs, self._length
        buffer = 1 if full == 2 or (full == 3 and self.is_rxb1_older) else 0
        while full:
            count = self.count
            if count == length:
                self.is_stalled = True
                return
            slot = (self._first + count) % length
            frame = self._slots[slot]
            cs(0)
            spi.write_readinto(_READ_RX[buffer], frame)
            cs(1)
            full ^= 1 << buffer
            self.is_rxb1_older = buffer == 0
            buffer ^= 1
            sidl = frame[2]
            id = frame[1] << 3 | sidl >> 5
            if sidl & _EXIDE:
                id = id << 18 | (sidl & 3) << 16 | frame[3] << 8 | frame[4]
                flags = _FLAG_EXT_ID | _FLAG_RTR if frame[5] & _RTR else _FLAG_EXT_ID
            else:
                flags = _FLAG_RTR if sidl & _SRR else 0
            if wanted is None or wanted.accepts(id, flags):
                self._ids[slot] = id
                self._flags[slot] = flags
                count += 1
                self.count = count
                self.is_accepting = True
                if count == length:
                    self._errors |= _ERR_FULL
        self.is_stalled = False

    def take(self, arg: "list[object] | None") -> "list[object]":
        """Return [id, data, flags, errors] of the oldest frame; with a list allocates nothing."""
        slot = self._first
        flags = self._flags[slot]
        size = self._slots[slot][5] & 15
        if size > 8:
            size = 8
        if arg is None:
            data = bytearray(8)
            arg = [0, memoryview(data)[:size], 0, 0]
        else:
            data = self._data
            arg[1] = self._views[size]
        data[:] = self._no_data if flags & _FLAG_RTR else self._slot_data[slot]
        arg[0] = self._ids[slot]
        arg[2] = flags
        arg[3] = self._errors
        self._errors = 0
        slot += 1
        self._first = 0 if slot == self._length else slot
        self.count -= 1
        return arg
