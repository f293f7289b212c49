"""The MCP2515 at the level of SPI bytes between edges of chip select; runs in MicroPython too.

Modelled after DS20001801J and DS80179G: the SPI instructions; the register map with what is
writable when; masks, filters and their comparison with data bytes, rollover, overruns; transmit
priorities, abort and one-shot; error counters, error-passive, bus-off and the recovery from it;
interrupt flags and the INT pin. After RESET the buffers, masks and filters hold garbage, as they
may. Nothing but RESET or power resets it: a new driver meets it as the last one left it.

Where it differs from the chip: a frame is an event, without bits, so that error flags, overload
frames and bit timing do not exist. Clocks, the RXnBF, TXnRTS and SOF pins, and CANSTAT's interrupt
code do not exist. A change of mode is immediate, unless something is pending or the bus is stuck.
Bytes on SPI take effect at once. An instruction that the chip does not know does nothing. The
datasheet does not tell whether TXREQ still reads 1 when it was cleared to abort a frame that is on
the wire: `keeps_request_on_wire` chooses.

What a driver must not do, as the errata and the datasheet say, is noted in `misuses`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Frame = tuple[int, bool, bool, bytes]  # identifier, is extended, is remote, data
    Buffer = bytes | bytearray | memoryview

CANSTAT, CANCTRL, TEC, REC = 0x0E, 0x0F, 0x1C, 0x1D
CANINTE, CANINTF, EFLG = 0x2B, 0x2C, 0x2D
TXB0CTRL, RXB0CTRL, RXB1CTRL = 0x30, 0x60, 0x70
NORMAL, SLEEP, LOOPBACK, LISTEN_ONLY, CONFIGURATION = range(5)

RX0IF, RX1IF, TX0IF, ERRIF, WAKIF, MERRF = 0x01, 0x02, 0x04, 0x20, 0x40, 0x80
RX1OVR, RX0OVR, TXBO, TXEP, RXEP, TXWAR, RXWAR, EWARN = 128, 64, 32, 16, 8, 4, 2, 1
ABTF, MLOA, TXERR, TXREQ = 0x40, 0x20, 0x10, 0x08
ABAT, OSM, BUKT = 0x10, 0x08, 0x04

_FILTERS = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
_MASKS = (0x20, 0x24)
_BIT_MODIFIABLE = {0x0C, 0x0D, 0x28, 0x29, 0x2A, CANINTE, CANINTF, EFLG}
_BIT_MODIFIABLE |= {0x30, 0x40, 0x50, RXB0CTRL, RXB1CTRL}
_GARBAGE = 0xA5


def _writable_bits(address: int) -> int:
    """Return the bits of a register that SPI can write at all."""
    column, row = address & 15, address >> 4
    if column == 0x0F:
        return 0xFF  # CANCTRL
    if column == 0x0E:
        return 0  # CANSTAT
    if row < 2 and column < 12:
        return 0xEB if column & 3 == 1 else 0xFF  # filters
    if row == 2 and column < 8:
        return 0xE3 if column & 3 == 1 else 0xFF  # masks
    if 3 <= row <= 5 and column < 14:
        return {0: 0x0B, 2: 0xEB, 5: 0x4F}.get(column, 0xFF)  # transmit buffers
    others = {0x0C: 0x3F, 0x0D: 0x07, 0x28: 0xC7, 0x29: 0xFF, 0x2A: 0xFF}
    others.update({CANINTE: 0xFF, CANINTF: 0xFF, EFLG: 0xC0, RXB0CTRL: 0x64, RXB1CTRL: 0x60})
    return others.get(address, 0)


_WRITABLE = bytes(_writable_bits(address) for address in range(128))
_MASKS_AND_FILTERS = set(range(12)) | set(range(0x10, 0x1C)) | set(range(0x20, 0x28))
_CONFIGURATION_ONLY = _MASKS_AND_FILTERS | {0x0D, 0x28, 0x29, 0x2A}


class Chip:
    """An MCP2515, in the state it has after power-on."""

    def __init__(self) -> None:
        self.misuses: list[str] = []
        self.is_bus_stuck = False
        self.keeps_request_on_wire = True
        self.on_interrupt: Callable[[], None] | None = None
        self._registers = bytearray(128)
        self._command: bytearray | None = None
        self._on_wire: int | None = None
        self._is_aborting_on_wire = False
        self._reset()

    # What a test looks at.

    def register(self, address: int) -> int:
        """Return a register, whatever the mode is."""
        return self._registers[address]

    @property
    def mode(self) -> int:
        """The mode that the chip is in."""
        return self._registers[CANSTAT] >> 5

    @property
    def is_bus_off(self) -> bool:
        """It went bus-off, and has not recovered."""
        return bool(self._registers[EFLG] & TXBO)

    @property
    def interrupt(self) -> int:
        """The level of the INT pin."""
        return 0 if self._registers[CANINTF] & self._registers[CANINTE] else 1

    # SPI.

    def select(self) -> None:
        """CS falls."""
        self._command = bytearray()

    def deselect(self) -> None:
        """CS rises."""
        command, self._command = self._command, None
        if command and command[0] & 0xF9 == 0x90:
            self._set(CANINTF, self._registers[CANINTF] & ~(RX1IF if command[0] & 4 else RX0IF))

    def exchange(self, byte: int) -> int:
        """Shift in a byte and return the one that is shifted out meanwhile."""
        command = self._command
        if command is None:
            return 0xFF
        command.append(byte)
        code, count = command[0], len(command)
        if count == 1:
            if code == 0xC0:
                self._reset()
            elif code & 0xF8 == 0x80:
                for buffer in range(3):
                    if code >> buffer & 1:
                        self._request_to_send(buffer)
            return 0
        if code == 0x03:
            return self._read(command[1] + count - 3) if count > 2 else 0
        if code == 0x02 and count > 2:
            self._write(command[1] + count - 3, byte)
        elif code == 0x05 and count == 4:
            self._modify(command[1], command[2], byte)
        elif code & 0xF9 == 0x90:
            start = (0x61, 0x66, 0x71, 0x76)[code >> 1 & 3]
            return self._read(start + count - 2)
        elif code & 0xF8 == 0x40 and code & 7 < 6:
            self._write((0x31, 0x36, 0x41, 0x46, 0x51, 0x56)[code & 7] + count - 2, byte)
        elif code == 0xA0:
            return self._status()
        elif code == 0xB0:
            return self._rx_status()
        return 0

    # The CAN side.

    def acknowledges(self) -> bool:
        """Tell whether it acknowledges what another node sends."""
        return self.mode == NORMAL and not self.is_bus_off

    def start_transmission(self) -> "Frame | None":
        """Return the frame that it puts on the wire now; `end_transmission` must follow."""
        buffer = self._next_buffer()
        if buffer is None or self._on_wire is not None:
            return None
        self._on_wire = buffer
        start = TXB0CTRL + 16 * buffer
        length = self._registers[start + 5]
        return _decode(self._registers[start + 1 : start + 14], bool(length & 0x40))

    def end_transmission(self, error: str = "") -> None:
        """It was sent, or `error` says what came between: arbitration, acknowledge or bit."""
        buffer, self._on_wire = self._on_wire, None
        is_aborting, self._is_aborting_on_wire = self._is_aborting_on_wire, False
        if buffer is None:  # reset while it was on the wire
            return
        address = TXB0CTRL + 16 * buffer
        control = self._registers[address]
        if not error:
            self._registers[address] = control & ~(TXREQ | ABTF)
            self._count(max(0, self._registers[TEC] - 1), self._registers[REC])
            self._set(CANINTF, self._registers[CANINTF] | TX0IF << buffer)
            self._settle()
            return
        self._registers[address] = control | (MLOA if error == "arbitration" else TXERR)
        if is_aborting or self._registers[CANCTRL] & (OSM | ABAT):
            self._abort(buffer)
        if error != "arbitration":
            tec = self._registers[TEC]
            if not (error == "acknowledge" and self._registers[EFLG] & TXEP):
                tec += 8
            self._set(CANINTF, self._registers[CANINTF] | MERRF)
            self._count(tec, self._registers[REC])
        self._settle()

    def receive(self, frame: "Frame") -> None:
        """A frame was valid on the bus."""
        if self.mode == SLEEP:
            self._wake()
        elif (self.mode == NORMAL and not self.is_bus_off) or self.mode == LISTEN_ONLY:
            rec = self._registers[REC]
            self._count(self._registers[TEC], 127 if rec > 127 else max(0, rec - 1))
            self._accept(frame)

    def receive_error(self) -> None:
        """A frame was broken on the bus."""
        if self.mode == SLEEP:
            self._wake()
        elif self.mode == NORMAL and not self.is_bus_off:
            self._set(CANINTF, self._registers[CANINTF] | MERRF)
            self._count(self._registers[TEC], min(255, self._registers[REC] + 1))
        elif self.mode == LISTEN_ONLY:  # its counters stand still
            self._set(CANINTF, self._registers[CANINTF] | MERRF)

    def see_recessive_bits(self, count: int) -> None:
        """The bus is idle for so long; 128 times 11 bits end bus-off."""
        if self.is_bus_off and self.mode == NORMAL:
            self._recessive_bits += count
            if self._recessive_bits >= 128 * 11:
                self._count(0, 0)

    def run_loopback(self) -> None:
        """Send to itself what is pending in loopback mode."""
        while self.mode == LOOPBACK and (frame := self.start_transmission()) is not None:
            self.end_transmission()
            self._accept(frame)

    # Inside.

    def _reset(self) -> None:
        for address in range(128):
            is_buffer = address >= 0x30 and 0 < address & 15 < 14
            is_memory = is_buffer or address in _MASKS_AND_FILTERS
            self._registers[address] = _GARBAGE & _WRITABLE[address] if is_memory else 0
        for row in range(0, 128, 16):
            self._registers[row + CANSTAT] = CONFIGURATION << 5
            self._registers[row + CANCTRL] = 0x87
        self._on_wire = None
        self._is_aborting_on_wire = False
        self._recessive_bits = 0

    def _read(self, address: int) -> int:
        address &= 0x7F
        if address in _MASKS_AND_FILTERS and self.mode != CONFIGURATION:
            return 0
        return self._registers[address]

    def _write(self, address: int, value: int) -> None:
        address &= 0x7F
        if address & 15 == 15:
            address = CANCTRL
        row = address >> 4
        if address in _CONFIGURATION_ONLY and self.mode != CONFIGURATION:
            self.misuses.append(f"{address:02X}h written outside configuration mode")
            return
        if 3 <= row <= 5:
            if address & 15 == 0:
                self._write_tx_control(row - 3, value)
                return
            if self._registers[row << 4] & TXREQ:
                self.misuses.append(f"transmit buffer {row - 3} written while it is pending")
                return
        bits = _WRITABLE[address]
        value = (value & bits) | (self._registers[address] & ~bits)
        if address == RXB0CTRL:
            value = (value & ~2) | (value & BUKT) >> 1
        if address == EFLG:
            self._registers[EFLG] = value
        else:
            self._set(address, value)
        if address == CANCTRL:
            for each in range(0, 128, 16):
                self._registers[each + CANCTRL] = value
            if value & ABAT:
                for buffer in range(3):
                    self._clear_request(buffer)
            self._settle()

    def _write_tx_control(self, buffer: int, value: int) -> None:
        address = TXB0CTRL + 16 * buffer
        old = self._registers[address]
        if value & TXREQ and not old & TXREQ:
            self.misuses.append("TXREQ set, not by RTS: erratum 5")
            self._request_to_send(buffer)
        elif old & TXREQ and not value & TXREQ:
            self._clear_request(buffer)
        elif old & TXREQ and (old ^ value) & 3:
            self.misuses.append(f"priority of buffer {buffer} changed while it is pending")
        self._registers[address] = (self._registers[address] & ~3) | (value & 3)
        self._settle()

    def _modify(self, address: int, bits: int, value: int) -> None:
        address &= 0x7F
        is_control = address & 15 == 15
        if not (is_control or address in _BIT_MODIFIABLE):
            self.misuses.append(f"BIT MODIFY of {address:02X}h, which writes the whole byte")
            bits = 0xFF
        self._write(address, (self._registers[address] & ~bits) | (value & bits))

    def _request_to_send(self, buffer: int) -> None:
        address = TXB0CTRL + 16 * buffer
        if self.mode == CONFIGURATION:
            self.misuses.append("RTS in configuration mode")
        self._registers[address] = (self._registers[address] & 3) | TXREQ

    def _clear_request(self, buffer: int) -> None:
        """Abort it now, or at the end of the attempt that is on the wire."""
        address = TXB0CTRL + 16 * buffer
        if self._on_wire == buffer:
            self._is_aborting_on_wire = True
            if not self.keeps_request_on_wire:
                self._registers[address] &= ~TXREQ
        elif self._registers[address] & TXREQ:
            self._abort(buffer)

    def _abort(self, buffer: int) -> None:
        address = TXB0CTRL + 16 * buffer
        self._registers[address] = (self._registers[address] & ~TXREQ) | ABTF

    def _status(self) -> int:
        flags = self._registers[CANINTF]
        status = flags & 3
        for buffer in range(3):
            if self._registers[TXB0CTRL + 16 * buffer] & TXREQ:
                status |= 4 << 2 * buffer
            if flags & TX0IF << buffer:
                status |= 8 << 2 * buffer
        return status

    def _rx_status(self) -> int:
        flags = self._registers[CANINTF] & 3
        if not flags:
            return 0
        row = RXB0CTRL if flags & RX0IF else RXB1CTRL
        sidl = self._registers[row + 2]
        hit = self._registers[row] & (1 if row == RXB0CTRL else 7)
        if row == RXB1CTRL and hit < 2:
            hit += 6
        is_remote = self._registers[row] & 8
        return flags << 6 | (0x10 if sidl & 8 else 0) | is_remote | hit

    def _next_buffer(self) -> "int | None":
        """Return the pending buffer with the highest priority, among equals the last."""
        if self.mode not in (NORMAL, LOOPBACK) or self.is_bus_off or self.is_bus_stuck:
            return None
        best = None
        for buffer in range(3):
            control = self._registers[TXB0CTRL + 16 * buffer]
            if control & TXREQ and (best is None or control & 3 >= best[0]):
                best = (control & 3, buffer)
        return None if best is None else best[1]

    def _accept(self, frame: "Frame") -> None:
        """Put it into the receive buffer that its masks and filters choose."""
        flags = self._registers[CANINTF]
        hit = self._find_hit(frame, 0, (0, 1))
        if hit is not None:
            if not flags & RX0IF:
                self._fill(RXB0CTRL, frame, hit)
            elif not self._registers[RXB0CTRL] & BUKT:
                self._set_errors(self._registers[EFLG] | RX0OVR)
            elif not flags & RX1IF:
                self._fill(RXB1CTRL, frame, hit)
            else:
                self._set_errors(self._registers[EFLG] | RX1OVR)
            return
        hit = self._find_hit(frame, 1, (2, 3, 4, 5))
        if hit is not None:
            if not flags & RX1IF:
                self._fill(RXB1CTRL, frame, hit)
            else:
                self._set_errors(self._registers[EFLG] | RX1OVR)

    def _find_hit(self, frame: "Frame", group: int, filters: "tuple[int, ...]") -> "int | None":
        if self._registers[(RXB0CTRL, RXB1CTRL)[group]] & 0x60 == 0x60:
            return filters[0]
        identifier, is_extended, _, data = frame
        mask = self._registers[_MASKS[group] : _MASKS[group] + 4]
        sent = _encode(identifier, is_extended)
        if not is_extended:  # the first two data bytes are compared in place of EID8 and EID0
            mask[1] &= 0xE0
            sent[2:] = (data + bytes(2))[:2]
        for each in filters:
            wanted = self._registers[_FILTERS[each] : _FILTERS[each] + 4]
            is_same_kind = (wanted[1] & 8 != 0) == is_extended
            if is_same_kind and all((wanted[i] ^ sent[i]) & mask[i] == 0 for i in range(4)):
                return each
        return None

    def _fill(self, row: int, frame: "Frame", hit: int) -> None:
        identifier, is_extended, is_remote, data = frame
        header = _encode(identifier, is_extended)
        if is_remote and not is_extended:
            header[1] |= 0x10
        self._registers[row + 1 : row + 5] = header
        self._registers[row + 5] = len(data) | (0x40 if is_remote and is_extended else 0)
        if not is_remote:
            self._registers[row + 6 : row + 6 + len(data)] = data
        kept = 0x66 if row == RXB0CTRL else 0x60
        self._registers[row] = (self._registers[row] & kept) | (8 if is_remote else 0) | hit
        self._set(CANINTF, self._registers[CANINTF] | (RX0IF if row == RXB0CTRL else RX1IF))

    def _count(self, tec: int, rec: int) -> None:
        """Set the error counters and what follows from them."""
        errors = self._registers[EFLG] & (RX0OVR | RX1OVR)
        if tec > 255:
            errors |= TXBO
            self._recessive_bits = 0
        errors |= (TXEP if tec > 127 else 0) | (RXEP if rec > 127 else 0)
        errors |= (TXWAR if tec >= 96 else 0) | (RXWAR if rec >= 96 else 0)
        errors |= EWARN if errors & (TXWAR | RXWAR) else 0
        self._registers[TEC], self._registers[REC] = min(tec, 255), rec
        self._set_errors(errors)

    def _set_errors(self, errors: int) -> None:
        if errors != self._registers[EFLG]:
            self._registers[EFLG] = errors
            self._set(CANINTF, self._registers[CANINTF] | ERRIF)

    def _set(self, address: int, value: int) -> None:
        """Set a register, and let INT fall if that is due."""
        before = self.interrupt
        self._registers[address] = value
        if before and not self.interrupt and self.on_interrupt is not None:
            self.on_interrupt()

    def _settle(self) -> None:
        """Take on the mode that is asked for, as soon as nothing is pending."""
        wanted = self._registers[CANCTRL] >> 5
        is_pending = any(self._registers[TXB0CTRL + 16 * buffer] & TXREQ for buffer in range(3))
        is_pending = is_pending or self._on_wire is not None
        if wanted == self.mode or wanted > CONFIGURATION or is_pending:
            return
        if self.is_bus_stuck and self.mode == CONFIGURATION:
            return  # it waits for 11 recessive bits
        self._enter(wanted)
        if wanted == CONFIGURATION:
            self._count(0, 0)

    def _enter(self, mode: int) -> None:
        for row in range(0, 128, 16):
            self._registers[row + CANSTAT] = mode << 5

    def _wake(self) -> None:
        """The frame that wakes it is lost; it comes back in listen-only mode."""
        self._enter(LISTEN_ONLY)
        self._set(CANINTF, self._registers[CANINTF] | WAKIF)


def _encode(identifier: int, is_extended: bool) -> bytearray:
    """Return SIDH, SIDL, EID8 and EID0."""
    if not is_extended:
        return bytearray((identifier >> 3, (identifier & 7) << 5, 0, 0))
    upper, lower = identifier >> 18, identifier & 0x3FFFF
    sidl = (upper & 7) << 5 | 8 | lower >> 16
    return bytearray((upper >> 3, sidl, lower >> 8 & 0xFF, lower & 0xFF))


def _decode(buffer: "Buffer", is_remote: bool) -> "Frame":
    """Return the frame of SIDH to D7."""
    identifier = buffer[0] << 3 | buffer[1] >> 5
    is_extended = bool(buffer[1] & 8)
    if is_extended:
        identifier = identifier << 18 | (buffer[1] & 3) << 16 | buffer[2] << 8 | buffer[3]
    length = min(8, buffer[4] & 15)
    data = bytes(length) if is_remote else bytes(buffer[5 : 5 + length])
    return identifier, is_extended, is_remote, data
