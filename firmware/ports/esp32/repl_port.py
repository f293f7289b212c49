"""The REPL's own port as the cable: the chip's USB serial port, or UART 0.

MicroPython itself reads that port, into 260 bytes that it keeps, and machine.UART(0) cannot have
it: "UART buffer size is fixed". So the cable goes through sys.stdin and sys.stdout, and one
byte after the other, since a longer read would wait for the last one. At 115200 bit/s those 260
bytes are 22 ms: what comes faster than it is read is lost, as on any serial line, and sent again.

What is sent to a UART has no buffer but its FIFO: it goes in pieces, and between two of them, each
5 ms, interrupts have their go, so that no CAN frame has to wait for a whole message. On a USB port
that somebody has open and does not read, MicroPython waits half a second for each piece: then the
rest of the message is dropped. Not run on a board yet.

Source: MicroPython, ports/esp32/mphalport.c, uart.c; shared/tinyusb/mp_usbd_cdc.c.
"""

import select
import sys
import time

from gateway.const import const

_PIECE_BYTES = const(64)
_GIVE_UP_MS = const(400)  # a UART takes the longest message in less


class ReplPort:
    """Has the methods of machine.UART that are used; `stream` is what to poll."""

    def __init__(self) -> None:
        self.stream = sys.stdin
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._read_byte = sys.stdin.buffer.readinto
        self._byte = bytearray(1)

    def readinto(self, buffer: bytearray) -> int:
        """Take what has come, as much as fits, and return its length; 0 if there is nothing."""
        ipoll, read_byte, byte = self._poll.ipoll, self._read_byte, self._byte
        for count in range(len(buffer)):
            for _ in ipoll(0):
                break
            else:
                return count
            if not read_byte(byte):
                return count
            buffer[count] = byte[0]
        return len(buffer)

    def write(self, data: bytes) -> None:
        """Send data, as far as somebody takes it."""
        view, write = memoryview(data), sys.stdout.buffer.write
        since_ms = time.ticks_ms()
        for start in range(0, len(data), _PIECE_BYTES):
            write(view[start : start + _PIECE_BYTES])
            if time.ticks_diff(time.ticks_ms(), since_ms) > _GIVE_UP_MS:
                return
