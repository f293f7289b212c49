"""An MCP2515 on SPI in machine.CAN's shape, for boards whose MicroPython has no CAN.

Interrupts. With the chip's INT pin, its handler moves frames into a ring as they come; without, or
if an edge was lost, `recv` does when the ring is empty, and `pump`. An interrupt that comes while
a method talks to the chip waits for the end of it. One read of CANINTF and EFLG tells what RX
STATUS and READ STATUS tell together, and the errors: so a received frame costs two transfers.
While the ring is full, frames stay in the chip, which tells of an overrun if more come.

Bus-off. The chip would recover by itself and then send what is pending. So it is reset and kept in
configuration mode: what was pending has failed, and only `restart` leads back. A chip that answers
only ones, or that has lost its settings when a frame is to be withdrawn, is treated alike.

Sources: DS20001801J, DS80179G. See mcp2515_receiver and mcp2515_transmitter for the two queues.
"""

import errno
import io

from firmware.drivers.mcp2515_filters import HardwareFilters, WantedIds
from firmware.drivers.mcp2515_receiver import Receiver
from firmware.drivers.mcp2515_registers import (
    CANCTRL,
    CANINTE,
    CANINTF,
    CNF3,
    CONFIGURATION,
    EFLG,
    LISTEN_ONLY,
    LOOPBACK,
    MODE_BITS,
    NORMAL,
    RXB0CTRL,
    RXB1CTRL,
    SLEEP,
    TEC,
    Registers,
)
from firmware.drivers.mcp2515_timing import derive_timing
from firmware.drivers.mcp2515_transmitter import BUFFERS, FAILED, NO_RANK, SENT, Transmitter
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from machine import SPI, Pin

_READ_FLAGS = b"\x03\x2c\x00\x00"  # CANINTF and EFLG
_ALL_ONES = const(0xFF)

# CANINTF and CANINTE; message errors (80h) interrupt nobody.
_RX_FLAGS = const(0x03)
_TX0IF = const(0x04)
_EVENT_FLAGS = const(0x7C)  # transmitted, error, wake-up
_ENABLED = const(0x7F)
_MESSAGE_ERROR = const(0x80)

# EFLG
_OVERRUNS = const(0xC0)
_BUS_OFF = const(0x20)
_PASSIVE = const(0x18)
_WARNING = const(0x01)

_STOPPED = const(0)  # STATE_STOPPED
_STATE_BUS_OFF = const(4)
_IRQ_RX = const(2)

_WAKE_FILTER = const(0x40)  # of CNF3

_ROLLOVER = const(0x04)  # of RXB0CTRL, whose next bit reads the same
_RXM_AND_ROLLOVER = const(0x64)

_STREAM_POLL = const(3)
_READABLE = const(1)


class MCP2515:
    """A CAN controller: three transmit buffers and a ring of rx_fifo_len received frames.

    interrupt is the pin at INT. The chip is reset at once, for it keeps what is pending through a
    reset of ours; `init` then starts it. The rest is documented with MicroPython's machine.CAN;
    `pump`, `stream` and `take_broken` are as in firmware/ports/unix/can.py, and so is the view
    that `recv(list)` puts into the list: it is good until the next `recv`.

    Differences: the chip has no MODE_LOOPBACK. Asleep, it is woken by the bus and then listens
    silently until the next `init`; INT falls then, and stays low until `recv` or `pump`, so that
    it can wake a board that sleeps. `hard` makes no difference: SPI needs a soft interrupt.
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

    TX_QUEUE_LEN = BUFFERS
    FILTERS_MAX = 32

    hardware_filters: HardwareFilters
    """What the chip receives; what of it is not wanted, the driver rejects."""

    _handler: "Callable[[MCP2515], object] | None"
    _wanted: "WantedIds | None"
    is_busy: bool
    """A method is talking to the chip: nobody else may use the SPI, not even an interrupt."""

    _irq_flags: int
    _is_due: bool
    _is_news: bool

    def __init__(
        self,
        spi: "SPI",
        cs: "Pin",
        interrupt: "Pin | None" = None,
        *,
        crystal_hz: int,
        rx_fifo_len: int = 32,
    ) -> None:
        self._registers = Registers(spi, cs)
        self._registers.reset()
        self._spi = spi
        self._cs = cs
        self._interrupt = interrupt
        self._crystal_hz = crystal_hz
        self._rx_fifo_len = rx_fifo_len
        self._receiver = Receiver(spi, cs, rx_fifo_len)
        self._transmitter = Transmitter(spi, cs, self._registers)
        self._answer = bytearray(len(_READ_FLAGS))
        self._irq = _Irq(self)
        self.stream = _Stream(self)
        self._state = self.STATE_STOPPED
        self._mode = CONFIGURATION
        self._clear()
        if interrupt is not None:
            interrupt.irq(handler=self._handle_interrupt, trigger=interrupt.IRQ_FALLING)

    def init(self, bitrate: int, mode: int = MODE_NORMAL) -> None:
        """Start the controller afresh: nothing pending, no filters, no handler.

        Raises:
            ValueError: the chip has no such mode, or the crystal cannot give that bit rate.
            OSError: the chip does not answer, or holds something else than it was told.
        """
        modes = {
            self.MODE_NORMAL: NORMAL,
            self.MODE_SLEEP: SLEEP,
            self.MODE_SILENT: LISTEN_ONLY,
            self.MODE_SILENT_LOOPBACK: LOOPBACK,
        }
        if mode not in modes:
            raise ValueError("mode")
        self._timing = derive_timing(self._crystal_hz, bitrate)
        self._mode = modes[mode]
        self._state = self.STATE_STOPPED
        self._clear()
        self.is_busy = True
        try:
            self._start()
        finally:
            self._release()

    def deinit(self) -> None:
        """Take the controller off the bus, until `init`."""
        self._state = self.STATE_STOPPED
        self.is_busy = True
        self._registers.reset()
        self._clear()

    def set_filters(self, filters: "Iterable[tuple[int, int, int]] | None") -> None:
        """Receive what one of the (id, mask, flags) accepts; None accepts everything.

        Meanwhile the controller is off the bus, for about a millisecond, as soon as what is
        pending has gone.

        Raises:
            ValueError: there are too many, or one is out of range.
            OSError: what is pending does not go, or the chip holds something else than it was
                told; then it is kept off the bus as if it were bus-off.
        """
        self._check_started()
        if filters is not None:
            filters = list(filters)
            if len(filters) > self.FILTERS_MAX:
                raise ValueError("too many filters")
            for _, _, flags in filters:
                if flags & ~(self.FLAG_EXT_ID | self.FLAG_UNORDERED):
                    raise ValueError("flags")
        hardware = HardwareFilters(filters)
        wanted = None if filters is None or hardware.is_exact else WantedIds(filters)
        self.is_busy = True
        try:
            if self._state != self.STATE_BUS_OFF and self._mode != SLEEP:
                self._leave_bus()
            self.hardware_filters = hardware
            self._wanted = wanted
            if self._mode == SLEEP:
                self._start()
            elif self._state != self.STATE_BUS_OFF:
                self._write_filters()
                self._registers.enter(self._mode)
        finally:
            self._release()

    def send(
        self, id: int, data: "bytes | bytearray | memoryview", flags: int = 0
    ) -> "int | None":
        """Queue a frame and return its transmit buffer, None if there is no place for it.

        The most urgent id goes first; equal ids always keep their order.
        """
        self._check_started()
        if len(data) > 8:
            raise OverflowError("data too long")
        transmitter = self._transmitter
        urgency = transmitter.encode(id, flags)
        rank = transmitter.find_rank(urgency, flags)
        if rank == NO_RANK:
            self.pump()
            urgency = transmitter.encode(id, flags)  # the handler may have sent something else
            rank = transmitter.find_rank(urgency, flags)
        if self._state == _STATE_BUS_OFF:
            raise OSError(errno.EIO)
        if rank == NO_RANK:
            return None
        self.is_busy = True
        index = transmitter.send(urgency, rank, data, flags)
        self.is_busy = False
        if self._is_due:
            self._release()
        return index

    def cancel_send(self, index: int) -> bool:
        """Withdraw a frame; one that is on the wire may still be sent, as IRQ_TX then tells.

        False means that the buffer had nothing pending, or that it was sent before.
        """
        self._check_started()
        transmitter = self._transmitter
        if not 0 <= index < self.TX_QUEUE_LEN:
            raise IndexError
        if not transmitter.pending[index]:
            return False
        self.is_busy = True
        transmitter.cancel(index)
        self._serve()
        is_sent = not transmitter.pending[index] and transmitter.outcomes[index] == SENT
        self._release()
        return not is_sent

    def recv(self, arg: "list[object] | None" = None) -> "list[object] | None":
        """Return [id, data, flags, errors] of the oldest frame, in `arg` if given, or None."""
        receiver = self._receiver
        if receiver.count == 0 or receiver.is_stalled:
            self._check_started()
            interrupt = self._interrupt
            if interrupt is None or not interrupt() or self._transmitter.cancelling:
                self.pump()
            if receiver.count == 0:
                self._is_news = False
                return None
        self.is_busy = True
        arg = receiver.take(arg)
        self.is_busy = False
        if self._is_due:
            self._release()
        return arg

    def irq(
        self,
        handler: "Callable[[MCP2515], object] | None" = None,
        trigger: int = 0,
        hard: bool = False,
    ) -> "_Irq":
        """Call handler(can) after these events; with no arguments, change nothing."""
        self._check_started()
        if handler is not None or trigger:
            if trigger & ~(self.IRQ_TX | self.IRQ_RX | self.IRQ_STATE):
                raise ValueError("trigger")
            self._handler = handler
            self._trigger = trigger
        return self._irq

    def state(self) -> int:
        """Return one of STATE_*; STATE_ACTIVE as of the last look at the chip."""
        if self.STATE_ACTIVE < self._state < self.STATE_BUS_OFF:
            self.pump()
        return self._state

    def get_counters(self, list: "list[int] | None" = None) -> "list[int]":
        """Return [TEC, REC, warnings, passives, bus-offs, pending TX, pending RX, RX overruns].

        Frames that still are in the chip are not pending yet; an overrun may be several frames.
        """
        self._check_started()
        if list is None:
            list = [0] * 8
        self.is_busy = True
        list[0], list[1] = self._registers.read(TEC, 2)
        for i in range(2, 8):
            list[i] = self._counters[i]
        list[5] = sum(self._transmitter.pending)
        list[6] = self._receiver.count
        self._release()
        return list

    def take_broken(self) -> int:
        """Return 1 if a frame was broken on the bus since the last call; in any mode.

        Source: DS20001801J section 7.4 (message error).
        """
        self._check_started()
        self._is_busy = True
        is_broken = self._registers.read(CANINTF)[0] & _MESSAGE_ERROR
        if is_broken:
            self._registers.modify(CANINTF, _MESSAGE_ERROR, 0)
        self._release()
        return 1 if is_broken else 0

    def restart(self) -> None:
        """Forget what is pending and the counts, and leave bus-off.

        Raises:
            OSError: the chip does not answer, or holds something else than it was told.
        """
        self._check_started()
        self.is_busy = True
        try:
            self._serve()
            self._state = self.STATE_BUS_OFF
            self._transmitter.clear()
            for i in range(len(self._counters)):
                self._counters[i] = 0
            self._start()
        finally:
            self._release()

    def pump(self) -> None:
        """Take in what the chip has to say, and call the handler if it is concerned."""
        self.is_busy = True
        self._serve()
        self.is_busy = False
        if self._is_due or self._is_irq_due:
            self._release()

    def is_due(self) -> bool:
        """Tell whether `recv` has a frame or news."""
        if self._state == self.STATE_STOPPED:
            return False
        if self._receiver.count or self._is_news or self._transmitter.cancelling:
            return True
        if self._interrupt is not None:
            return not self._interrupt()
        self._cs(0)
        self._spi.write_readinto(_READ_FLAGS, self._answer)
        self._cs(1)
        return bool(self._answer[2] & _ENABLED)

    def take_irq_flags(self) -> int:
        """Return and clear what happened: at most one transmit buffer at a time, 0 if nothing."""
        self.is_busy = True
        flags = self._irq_flags
        self._irq_flags = 0
        unreported = self._transmitter.unreported
        for index in range(BUFFERS):
            if unreported[index]:
                unreported[index] = 0
                flags |= self._transmitter.outcomes[index] | index << self.IRQ_TX_IDX_SHIFT
                break
        self.is_busy = False
        if self._is_due:
            self._release()
        return flags

    def _clear(self) -> None:
        self._handler = None
        self._trigger = self._irq_flags = self._eflg = 0
        self._is_irq_due = self._is_in_handler = self._is_news = False
        self.is_busy = self._is_due = False
        self._counters = [0] * 8
        self._receiver.clear()
        self._transmitter.clear()
        self.hardware_filters = HardwareFilters(())
        self._wanted = WantedIds(())

    def _check_started(self) -> None:
        if self._state == _STOPPED:
            raise OSError(errno.EINVAL)

    def _start(self) -> None:
        """Reset the chip, tell it everything, and join the bus."""
        registers = self._registers
        registers.reset()
        registers.await_mode(CONFIGURATION)
        timing = self._timing
        if self._mode == SLEEP:  # a glitch on the bus is to wake nobody
            timing = bytes((timing[0] | _WAKE_FILTER,)) + timing[1:]
        registers.write_checked(CNF3, timing + bytes((_ENABLED, 0, 0)))
        self._write_filters()
        registers.write_checked(RXB0CTRL, bytes((_ROLLOVER,)), _RXM_AND_ROLLOVER)
        registers.write_checked(RXB1CTRL, bytes(1), _RXM_AND_ROLLOVER)
        self._transmitter.write_priorities()
        registers.enter(self._mode)
        self._eflg = 0
        self._receiver.is_rxb1_older = False
        self._state = self.STATE_ACTIVE

    def _leave_bus(self) -> None:
        """Enter configuration mode, and take in what was received before."""
        try:
            self._registers.enter(CONFIGURATION)
        except OSError:
            self._registers.modify(CANCTRL, MODE_BITS, self._mode)
            raise
        self._serve()

    def _write_filters(self) -> None:
        try:
            for address, data in self.hardware_filters.registers():
                self._registers.write_checked(address, data)
        except OSError:
            if self._state != self.STATE_STOPPED:
                self._go_bus_off()
            raise

    def _handle_interrupt(self, pin: "Pin") -> None:
        if self._mode == SLEEP:  # INT stays low, for whom it is to wake
            return
        if self.is_busy:
            self._is_due = True
        else:
            self.pump()

    def _release(self) -> None:
        """Let interrupts in again, after those that came meanwhile, and call the handler."""
        self.is_busy = False
        while self._is_due:
            self.is_busy = True
            self._serve()
            self.is_busy = False
        if self._is_in_handler:
            return
        while self._is_irq_due and self._handler is not None:
            self._is_irq_due = False
            self._is_in_handler = True
            try:
                self._handler(self)
            finally:
                self._is_in_handler = False

    def _serve(self) -> None:
        """Move frames into the ring and take note of events, until the chip has no more."""
        self._is_due = False
        if self._state == _STOPPED or self._state == _STATE_BUS_OFF:
            return
        spi, cs, interrupt = self._spi, self._cs, self._interrupt  # a fourth would allocate
        answer, receiver = self._answer, self._receiver
        for _ in range(self._rx_fifo_len):
            cs(0)
            spi.write_readinto(_READ_FLAGS, answer)
            cs(1)
            flags, eflg = answer[2], answer[3]
            if flags & eflg == _ALL_ONES:
                self._go_bus_off()
                break
            if flags & _RX_FLAGS:
                receiver.read(flags & _RX_FLAGS, self._wanted)
            else:
                receiver.is_stalled = receiver.is_rxb1_older = False
            if flags & _EVENT_FLAGS or eflg != self._eflg:
                self._take_events(flags, eflg)
                if self._state == _STATE_BUS_OFF:
                    break
            elif receiver.is_stalled:
                break
            if self._transmitter.cancelling:
                self._follow_cancelled()
            if interrupt is None:
                if not flags & _ENABLED:
                    break
            elif interrupt():
                receiver.is_rxb1_older = False
                break
        if receiver.is_accepting:
            receiver.is_accepting = False
            if self._trigger & _IRQ_RX:
                self._note(_IRQ_RX)

    def _take_events(self, flags: int, eflg: int) -> None:
        """Acknowledge what CANINTF and EFLG tell besides received frames."""
        if eflg & _OVERRUNS:
            self._registers.modify(EFLG, _OVERRUNS, 0)
            self._counters[7] += 2 if eflg & _OVERRUNS == _OVERRUNS else 1
            self._receiver.note_overrun()
            eflg &= ~_OVERRUNS
        self._eflg = eflg
        if flags & _EVENT_FLAGS:
            self._registers.modify(CANINTF, flags & _EVENT_FLAGS, 0)
        for index in range(BUFFERS):
            if flags & _TX0IF << index:
                self._finish_tx(index, SENT)
        if eflg & _BUS_OFF:
            self._go_bus_off()
        elif eflg & _PASSIVE:
            self._enter_state(self.STATE_PASSIVE)
        else:
            self._enter_state(self.STATE_WARNING if eflg & _WARNING else self.STATE_ACTIVE)

    def _follow_cancelled(self) -> None:
        """Look what became of withdrawn frames, and whether the chip still knows of them."""
        index = self._transmitter.follow_cancelled()
        while index is not None:
            self._finish_tx(index, FAILED)
            index = self._transmitter.follow_cancelled()
        if self._transmitter.cancelling and self._registers.read(CANINTE)[0] != _ENABLED:
            self._go_bus_off()

    def _finish_tx(self, index: int, outcome: int) -> None:
        is_reported = bool(self._trigger & self.IRQ_TX)
        if self._transmitter.finish(index, outcome, is_reported):
            self._is_news = True
            if is_reported:
                self._is_irq_due = True

    def _go_bus_off(self) -> None:
        self._registers.reset()
        for index in range(BUFFERS):
            self._finish_tx(index, FAILED)
        self._enter_state(self.STATE_BUS_OFF)

    def _enter_state(self, state: int) -> None:
        """Count each threshold that was passed on the way to a worse state."""
        if state == self._state:
            return
        is_worse = state > self._state
        for passed in range(self._state + 1, state + 1):
            self._counters[passed] += 1
        self._state = state
        self._is_news = True
        if is_worse:
            self._note(self.IRQ_STATE)

    def _note(self, event: int) -> None:
        if self._trigger & event:
            self._irq_flags |= event
            self._is_irq_due = True


class _Irq:
    """What `MCP2515.irq` returns."""

    def __init__(self, can: MCP2515) -> None:
        self._can = can

    def flags(self) -> int:
        """Return and clear what happened; call it until it returns 0."""
        return self._can.take_irq_flags()


class _Stream(io.IOBase):
    """Polls readable while `recv` has a frame or news."""

    def __init__(self, can: MCP2515) -> None:
        self._can = can

    def ioctl(self, request: int, argument: int) -> int:
        """Answer select.poll."""
        if request != _STREAM_POLL:
            return -1
        return argument & _READABLE if self._can.is_due() else 0
