"""The MCP2515's registers over SPI: what is done at leisure, one transfer a call.

Source: DS20001801J sections 10 to 12.
"""

import errno
import time

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import SPI, Pin

CANSTAT = const(0x0E)
CANCTRL = const(0x0F)
TEC = const(0x1C)
CNF3 = const(0x28)
CANINTE = const(0x2B)
CANINTF = const(0x2C)
EFLG = const(0x2D)
TXB0CTRL = const(0x30)
RXB0CTRL = const(0x60)
RXB1CTRL = const(0x70)

# Of CANCTRL and CANSTAT: the mode that is asked for, and the one that the chip is in.
MODE_BITS = const(0xE0)
NORMAL = const(0x00)
SLEEP = const(0x20)
LOOPBACK = const(0x40)
LISTEN_ONLY = const(0x60)
CONFIGURATION = const(0x80)

_WRITE = const(0x02)
_READ = const(0x03)
_BIT_MODIFY = const(0x05)
_RESET = b"\xc0"

_MODE_TRIES = const(20)
_MODE_TRY_S = 0.001


class Registers:
    """The chip behind an SPI bus in mode 0,0, at most 10 MHz, and a chip-select pin."""

    def __init__(self, spi: "SPI", cs: "Pin") -> None:
        self._spi = spi
        self._cs = cs
        cs(1)

    def reset(self) -> None:
        """Put the chip into configuration mode, off the bus, with nothing pending."""
        self._write(_RESET)

    def read(self, address: int, length: int = 1) -> bytes:
        """Return registers that follow one another."""
        out = bytearray(length + 2)
        out[0], out[1] = _READ, address
        answer = bytearray(len(out))
        self._cs(0)
        self._spi.write_readinto(out, answer)
        self._cs(1)
        return bytes(answer[2:])

    def write(self, address: int, data: bytes) -> None:
        """Write registers that follow one another."""
        self._write(bytes((_WRITE, address)) + data)

    def write_checked(self, address: int, data: bytes, bits: int = 0xFF) -> None:
        """Write and read back; bits: those of each register that must come back.

        Raises:
            OSError: the chip holds something else.
        """
        self.write(address, data)
        for i, value in enumerate(self.read(address, len(data))):
            if (value ^ data[i]) & bits:
                where = f"MCP2515 register {address + i:02X}h"
                raise OSError(errno.EIO, f"{where} holds {value:02X}h, not {data[i]:02X}h")

    def modify(self, address: int, bits: int, value: int) -> None:
        """Set these bits of a register to those of value."""
        self._write(bytes((_BIT_MODIFY, address, bits, value)))

    def enter(self, mode: int) -> None:
        """Change the mode, which waits for the bus to be idle and for what is being sent.

        Raises:
            OSError: the chip did not, in 20 ms.
        """
        self.modify(CANCTRL, MODE_BITS, mode)
        self.await_mode(mode)

    def await_mode(self, mode: int) -> None:
        """Return when the chip is in that mode.

        Raises:
            OSError: it did not come to that in 20 ms.
        """
        for _ in range(_MODE_TRIES):
            status = self.read(CANSTAT)[0]
            if status & MODE_BITS == mode:
                return
            time.sleep(_MODE_TRY_S)
        wanted = f"mode {mode >> 5} of the MCP2515"
        raise OSError(errno.ETIMEDOUT, f"{wanted} did not come: CANSTAT is {status:02X}h")

    def _write(self, data: bytes) -> None:
        self._cs(0)
        self._spi.write(data)
        self._cs(1)
