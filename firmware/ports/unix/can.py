"""machine.CAN's shape on a PC: a controller on the emulator's CAN hub.

Use it as MicroPython's machine.CAN, which has no `take_broken`. What the PC adds: nothing
interrupts a program here, so events are noticed, and the handler called, by `recv` when it finds
the FIFO empty, or by `pump`: one of them is to be called whenever `stream` is readable.

Differences: remote frames, loopback and sleep do not exist; `recv(list)` puts a view of the port's
own buffer into the list, good until the next `recv`. The connection lasts as long as the object:
`deinit` only takes the controller off the bus.

The words spoken are explained in host_tools/carport/hub/protocol.py.
"""

import errno
import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TIMEOUT_MS = 5000
_STATES = {b"active": 1, b"warning": 2, b"passive": 3, b"bus-off": 4}
_ACCEPT_ALL = ((0, 0, 0), (0, 0, 2))

# The value of each character as a hexadecimal digit.
_DIGITS = bytearray(256)
for _value, _character in enumerate(b"0123456789ABCDEF"):
    _DIGITS[_character] = _value


class CAN:
    """A CAN controller: three transmit buffers and a receive FIFO of rx_fifo_len frames.

    id counts from 1 and picks the hub's channel: CAN 1 is `can0`. The class, but for the keywords
    of its constructor, `stream` and `pump`, is documented with MicroPython's machine.CAN.

    Raises:
        OSError: the hub does not answer, or refuses the bit rate or the channel.
    """

    MODE_NORMAL = 0
    MODE_SLEEP = 1
    MODE_LOOPBACK = 2
    MODE_SILENT = 3
    MODE_SILENT_LOOPBACK = 4

    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_WARNING = 2
    STATE_PASSIVE = 3
    STATE_BUS_OFF = 4

    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 16

    RECV_ERR_FULL = 1
    RECV_ERR_OVERRUN = 2

    IRQ_TX = 1
    IRQ_RX = 2
    IRQ_TX_FAILED = 4
    IRQ_STATE = 8
    IRQ_TX_IDX_SHIFT = 16
    IRQ_TX_IDX_MASK = 0xFF

    TX_QUEUE_LEN = 3
    FILTERS_MAX = 14

    _handler: "Callable[[CAN], object] | None"
    _is_irq_due: bool
    _is_in_handler: bool
    _irq_flags: int
    _rx_first: int
    _rx_count: int
    _rx_unacknowledged: int
    _rx_errors: int

    def __init__(
        self,
        id: int,
        bitrate: int,
        mode: int = MODE_NORMAL,
        *,
        host: str = "127.0.0.1",
        port: int = 29536,
        channel: "str | None" = None,
        rx_fifo_len: int = 32,
    ) -> None:
        self.stream = socket.socket()
        self.stream.connect(socket.getaddrinfo(host, port)[0][-1])
        self.stream.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: no names for them here
        self.stream.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self.stream, select.POLLIN)
        self._inbox = bytearray(2048)
        self._inbox_len = 0
        self._is_answered = False
        self._restarts_unanswered = 0
        self._error = ""

        self._rx_fifo_len = rx_fifo_len
        self._rx_ids = [0] * rx_fifo_len
        self._rx_flags = bytearray(rx_fifo_len)
        self._rx_lengths = bytearray(rx_fifo_len)
        self._rx_data = bytearray(8 * rx_fifo_len)
        self._read_batch = max(1, rx_fifo_len // 4)
        self._read_messages = [
            f"< read {count} >".encode() for count in range(self._read_batch + 1)
        ]
        self._frame_data = bytearray(8)
        self._frame_views = [memoryview(self._frame_data)[:length] for length in range(9)]

        self._irq = _Irq(self)
        self._state = self._state_when_answered = self.STATE_STOPPED
        self._clear()
        self._request("< open " + (channel or f"can{id - 1}") + " >")
        self.init(bitrate, mode)

    def init(self, bitrate: int, mode: int = MODE_NORMAL) -> None:
        """Start the controller afresh: nothing pending, no filters, no handler."""
        if mode not in (self.MODE_NORMAL, self.MODE_SILENT):
            raise ValueError("mode")
        self._state = self.STATE_STOPPED
        self._clear()
        self._state_when_answered = self.STATE_ACTIVE
        name = "silent" if mode == self.MODE_SILENT else "normal"
        self._request(f"< controller {self._rx_fifo_len} {name} {bitrate} >")

    def deinit(self) -> None:
        """Take the controller off the bus, until `init`."""
        if self._state == self.STATE_STOPPED:
            return
        self._state = self._state_when_answered = self.STATE_STOPPED
        self._clear()
        self._request("< stop >")

    def set_filters(self, filters: "Iterable[tuple[int, int, int]] | None") -> None:
        """Receive what one of the (id, mask, flags) accepts; None accepts everything."""
        self._check_started()
        words = []
        for id, mask, flags in _ACCEPT_ALL if filters is None else filters:
            if flags & ~(self.FLAG_EXT_ID | self.FLAG_UNORDERED):
                raise ValueError("flags")
            words.append(_format_id(id, flags))
            words.append(_format_id(mask, flags))
        if len(words) > 2 * self.FILTERS_MAX:
            raise ValueError("too many filters")
        self._request(f"< filters {' '.join(words)} >")

    def send(
        self, id: int, data: "bytes | bytearray | memoryview", flags: int = 0
    ) -> "int | None":
        """Queue a frame and return its transmit buffer, None if none is free.

        The most urgent id goes first; equal ids always keep their order.
        """
        self._check_started()
        if len(data) > 8:
            raise OverflowError("data too long")
        id_word = _format_id(id, flags)
        if flags & self.FLAG_RTR:
            raise ValueError("flags")
        if self._state == self.STATE_BUS_OFF:
            raise OSError(errno.EIO)
        for index in range(self.TX_QUEUE_LEN):
            if not (self._tx_pending[index] or self._tx_done[index]):
                break
        else:
            return None
        self._tx_pending[index] = 1
        data_words = " ".join(f"{byte:X}" for byte in data)
        message = f"< transmit {index} {id_word} {len(data)} {data_words} >"
        self._write(message.encode())
        return index

    def cancel_send(self, index: int) -> bool:
        """Ask to withdraw a frame: whether it went out, IRQ_TX and IRQ_TX_FAILED tell.

        False means that the buffer had nothing pending.
        """
        self._check_started()
        if not 0 <= index < self.TX_QUEUE_LEN:
            raise IndexError
        if not self._tx_pending[index]:
            return False
        self._write(f"< cancel {index} >".encode())
        return True

    def recv(self, arg: "list[object] | None" = None) -> "list[object] | None":
        """Return [id, data, flags, errors] of the oldest frame, in `arg` if given, or None."""
        self._check_started()
        if self._rx_count == 0:
            self.pump()
            if self._rx_count == 0:
                return None
        slot = self._rx_first
        length = self._rx_lengths[slot]
        data, frame_data = self._rx_data, self._frame_data
        start = 8 * slot
        for i in range(length):
            frame_data[i] = data[start + i]
        if arg is None:
            arg = [0, memoryview(bytearray(frame_data))[:length], 0, 0]
        else:
            arg[1] = self._frame_views[length]
        arg[0] = self._rx_ids[slot]
        arg[2] = self._rx_flags[slot]
        arg[3] = self._rx_errors
        self._rx_errors = 0
        self._rx_first = (slot + 1) % self._rx_fifo_len
        self._rx_count -= 1
        self._rx_unacknowledged += 1
        if self._rx_count == 0 or self._rx_unacknowledged == self._read_batch:
            self._write(self._read_messages[self._rx_unacknowledged])
            self._rx_unacknowledged = 0
        return arg

    def irq(
        self,
        handler: "Callable[[CAN], object] | None" = None,
        trigger: int = 0,
        hard: bool = False,
    ) -> "_Irq":
        """Call handler(can) from `pump` after these events; with no arguments, change nothing."""
        self._check_started()
        if handler is not None or trigger:
            if trigger & ~(self.IRQ_TX | self.IRQ_RX | self.IRQ_STATE):
                raise ValueError("trigger")
            self._handler = handler
            self._trigger = trigger
        return self._irq

    def state(self) -> int:
        """Return one of STATE_*, as of the last `recv` or `pump`."""
        return self._state

    def get_counters(self, list: "list[int] | None" = None) -> "list[int]":
        """Return [TEC, REC, warnings, passives, bus-offs, pending TX, pending RX, RX overruns]."""
        self._check_started()
        if list is None:
            list = [0] * 8
        for i, value in enumerate(self._counters):
            list[i] = value
        list[5] = sum(self._tx_pending)
        list[6] = self._rx_count
        return list

    def take_broken(self) -> int:
        """Return how many frames were broken on the wire since the last call."""
        self._check_started()
        before = self._broken
        self._request("< broken >")
        return self._broken - before

    def restart(self) -> None:
        """Forget what is pending and the counts, and leave bus-off, which takes the bus 2.8 ms."""
        self._check_started()
        self._clear_tx()
        for i in range(len(self._counters)):
            self._counters[i] = 0
        self._restarts_unanswered += 1
        self._write(b"< restart >")

    def pump(self) -> None:
        """Take in what the hub has said, and call the handler if it is concerned.

        Raises:
            OSError: the hub has gone, or complains.
        """
        self._receive()
        if self._is_in_handler:
            return
        while self._is_irq_due and self._handler is not None:
            self._is_irq_due = False
            self._is_in_handler = True
            try:
                self._handler(self)
            finally:
                self._is_in_handler = False

    def take_irq_flags(self) -> int:
        """Return and clear what happened: at most one transmit buffer at a time, 0 if nothing."""
        flags = self._irq_flags
        self._irq_flags = 0
        for index in range(self.TX_QUEUE_LEN):
            if self._tx_done[index]:
                flags |= self._tx_done[index] | index << self.IRQ_TX_IDX_SHIFT
                self._tx_done[index] = 0
                break
        return flags

    def _clear(self) -> None:
        self._handler = None
        self._trigger = 0
        self._is_irq_due = self._is_in_handler = False
        self._irq_flags = 0
        self._broken = 0
        self._clear_tx()
        self._rx_first = self._rx_count = self._rx_unacknowledged = self._rx_errors = 0
        self._counters = [0] * 8

    def _clear_tx(self) -> None:
        self._tx_pending = bytearray(self.TX_QUEUE_LEN)
        self._tx_done = bytearray(self.TX_QUEUE_LEN)

    def _check_started(self) -> None:
        if self._state == self.STATE_STOPPED:
            raise OSError(errno.EINVAL)

    def _write(self, message: bytes) -> None:
        if self.stream.write(message) != len(message):
            raise OSError(errno.EIO)

    def _request(self, message: str) -> None:
        """Say it and wait for the `< ok >`, so that what follows happens after it."""
        self._write(message.encode())
        self._is_answered = False
        while not self._is_answered:
            if not self._poll.poll(_TIMEOUT_MS):
                raise OSError(errno.ETIMEDOUT)
            self.pump()

    def _receive(self) -> None:
        """Read and obey all messages that have come."""
        inbox = self._inbox
        while True:
            room = memoryview(inbox)[self._inbox_len :] if self._inbox_len else inbox
            count = self.stream.readinto(room)
            if count is None:
                break
            if count == 0:
                raise OSError(errno.ECONNRESET)
            length = self._inbox_len + count
            start = 0
            while True:
                end = inbox.find(b">", start, length)
                if end < 0:
                    break
                if inbox[start + 2] == 114:  # r, as only `received` begins
                    self._take_frame(start + 11, end - 1)
                else:
                    self._obey(bytes(inbox[start + 1 : end]).split())
                start = end + 1
            self._inbox_len = length - start
            if self._inbox_len:
                inbox[: self._inbox_len] = inbox[start:length]
            if count < len(room):
                break
        if self._error:
            error, self._error = self._error, ""
            raise OSError(errno.EIO, error)

    def _take_frame(self, start: int, end: int) -> None:
        """Put the frame of `ID DATA`, inbox[start:end], into the FIFO; the hub knows its room."""
        if self._state == self.STATE_STOPPED:
            return
        inbox, digits, data = self._inbox, _DIGITS, self._rx_data
        slot = (self._rx_first + self._rx_count) % self._rx_fifo_len
        id_end = inbox.find(b" ", start, end)
        id = 0
        for i in range(start, id_end):
            id = id << 4 | digits[inbox[i]]
        self._rx_ids[slot] = id
        self._rx_flags[slot] = self.FLAG_EXT_ID if id_end - start == 8 else 0
        length = (end - id_end - 1) // 2
        self._rx_lengths[slot] = length
        at = 8 * slot
        for i in range(id_end + 1, end, 2):
            data[at] = digits[inbox[i]] << 4 | digits[inbox[i + 1]]
            at += 1
        self._rx_count += 1
        if self._rx_count == self._rx_fifo_len:
            self._rx_errors |= self.RECV_ERR_FULL
        self._note(self.IRQ_RX)

    def _obey(self, words: "list[bytes]") -> None:
        word = words[0]
        if word == b"ok":
            if self._restarts_unanswered:
                self._restarts_unanswered -= 1
                return
            self._is_answered = True
            if self._state == self.STATE_STOPPED:
                self._state = self._state_when_answered
        elif word == b"broken":
            self._broken = int(words[1])
        elif word == b"error":
            self._is_answered = True
            self._error = b" ".join(words[1:]).decode()
        elif self._state == self.STATE_STOPPED:
            pass  # what happened to the controller before it was stopped
        elif word == b"transmitted":
            self._finish_tx(int(words[1]), self.IRQ_TX)
        elif word in (b"failed", b"cancelled"):
            self._finish_tx(int(words[1]), self.IRQ_TX | self.IRQ_TX_FAILED)
        elif word == b"state":
            self._counters[0], self._counters[1] = int(words[1]), int(words[2])
            self._enter_state(_STATES[words[3]])
        elif word == b"overrun":
            self._counters[7] += int(words[1])
            self._rx_errors |= self.RECV_ERR_FULL | self.RECV_ERR_OVERRUN

    def _finish_tx(self, index: int, flags: int) -> None:
        if self._tx_pending[index] and not self._restarts_unanswered:
            self._tx_pending[index] = 0
            if self._trigger & self.IRQ_TX:
                self._tx_done[index] = flags
                self._is_irq_due = True

    def _enter_state(self, state: int) -> None:
        """Count each threshold that was passed on the way to a worse state."""
        for passed in range(self._state + 1, state + 1):
            self._counters[passed] += 1
        is_worse = state > self._state
        self._state = state
        if is_worse:
            self._note(self.IRQ_STATE)

    def _note(self, event: int) -> None:
        if self._trigger & event:
            self._irq_flags |= event
            self._is_irq_due = True


class _Irq:
    """What `CAN.irq` returns."""

    def __init__(self, can: CAN) -> None:
        self._can = can

    def flags(self) -> int:
        """Return and clear what happened; call it until it returns 0."""
        return self._can.take_irq_flags()


def _format_id(id: int, flags: int) -> str:
    is_extended = flags & CAN.FLAG_EXT_ID
    if not 0 <= id <= (0x1FFFFFFF if is_extended else 0x7FF):
        raise ValueError("invalid id")
    return f"{id:08X}" if is_extended else f"{id:03X}"
