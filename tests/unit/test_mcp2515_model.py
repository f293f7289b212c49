"""The model of the chip, held to the datasheet (DS20001801J) by hand-written SPI transfers."""

import pytest

from tests.models.mcp2515 import (
    ABTF,
    CANINTE,
    CANINTF,
    CANSTAT,
    CONFIGURATION,
    EFLG,
    ERRIF,
    EWARN,
    LISTEN_ONLY,
    LOOPBACK,
    NORMAL,
    REC,
    RX0IF,
    RX0OVR,
    RX1IF,
    RX1OVR,
    SLEEP,
    TEC,
    TX0IF,
    TXBO,
    TXEP,
    TXREQ,
    WAKIF,
    Chip,
)

FRAME = (0x123, False, False, b"\x01\x02")


def spi(chip: Chip, *command: int) -> list[int]:
    """One transfer; returns what came out after the first byte went in."""
    chip.select()
    answer = [chip.exchange(byte) for byte in command]
    chip.deselect()
    return answer[1:]


def read(chip: Chip, address: int) -> int:
    return spi(chip, 0x03, address, 0)[-1]


def write(chip: Chip, address: int, *values: int) -> None:
    spi(chip, 0x02, address, *values)


def enter(chip: Chip, mode: int) -> None:
    spi(chip, 0x05, 0x0F, 0xE0, mode << 5)


def on_bus(rxb0ctrl: int = 0x04) -> Chip:
    """A chip in normal mode that takes every standard frame, into buffer 0 first."""
    chip = Chip()
    for address in (*range(0x0C), *range(0x10, 0x1C), *range(0x20, 0x28)):
        write(chip, address, 0)
    write(chip, 0x60, rxb0ctrl)
    write(chip, CANINTE, 0x7F)
    enter(chip, NORMAL)
    return chip


def request(chip: Chip, buffer: int, priority: int = 0, data: bytes = b"") -> None:
    """Queue frame 1, 2 or 3 of the buffer of that number less one."""
    write(chip, 0x30 + 16 * buffer, priority)
    spi(chip, 0x40 + 2 * buffer, 0, buffer + 1 << 5, 0, 0, len(data), *data)
    spi(chip, 0x80 | 1 << buffer)


def send_all(chip: Chip) -> list[int]:
    """Return the ids in the order in which they go out."""
    ids = []
    while (frame := chip.start_transmission()) is not None:
        chip.end_transmission()
        ids.append(frame[0])
    return ids


def test_after_power_on_and_reset_it_is_in_configuration_mode_whatever_was_pending() -> None:
    chip = on_bus()
    request(chip, 0)
    spi(chip, 0xC0)
    assert chip.mode == CONFIGURATION
    assert [read(chip, address) for address in (0x0F, 0x30, CANINTE, CANINTF, EFLG)] == [
        *(0x87, 0, 0, 0, 0)
    ]
    enter(chip, NORMAL)
    assert send_all(chip) == []


def test_a_reset_of_the_microcontroller_alone_changes_nothing() -> None:
    chip = on_bus()
    request(chip, 1)
    chip.deselect()  # chip select rises as its pin becomes an input
    assert send_all(chip) == [2]


def test_masks_filters_and_timing_are_written_in_configuration_mode_only() -> None:
    chip = Chip()
    for address in (0x00, 0x10, 0x20, 0x28, 0x2A):
        write(chip, address, 0x07)
        assert read(chip, address) == 0x07
    enter(chip, NORMAL)
    assert [read(chip, address) for address in (0x00, 0x10, 0x20)] == [0, 0, 0]
    assert read(chip, 0x28) == 0x07
    for address in (0x00, 0x10, 0x20, 0x28, 0x2A):
        write(chip, address, 0xFF)
    assert len(chip.misuses) == 5
    enter(chip, CONFIGURATION)
    for address in (0x00, 0x10, 0x20, 0x28, 0x2A):
        assert read(chip, address) == 0x07


def test_status_and_control_are_in_every_row_and_reading_goes_on_to_the_next_register() -> None:
    chip = Chip()
    enter(chip, LISTEN_ONLY)
    assert [read(chip, row << 4 | CANSTAT) for row in range(8)] == [LISTEN_ONLY << 5] * 8
    write(chip, 0x7F, 0x80 | 0x07)
    assert chip.mode == CONFIGURATION
    write(chip, 0x28, 1, 2, 3, 4, 5)
    assert spi(chip, 0x03, 0x28, 0, 0, 0, 0, 0)[1:] == [1, 2, 3, 4, 5]


def test_bit_modify_changes_bits_only_where_the_register_map_allows_it() -> None:
    chip = Chip()
    write(chip, CANINTE, 0xF0)
    spi(chip, 0x05, CANINTE, 0x3C, 0x0F)
    assert read(chip, CANINTE) == 0xCC
    write(chip, 0x00, 0xF0)
    spi(chip, 0x05, 0x00, 0x3C, 0x0F)
    assert read(chip, 0x00) == 0x0F
    assert chip.misuses == ["BIT MODIFY of 00h, which writes the whole byte"]


def test_read_rx_buffer_clears_the_flag_when_chip_select_rises() -> None:
    chip = on_bus()
    chip.receive(FRAME)
    chip.select()
    frame = [chip.exchange(byte) for byte in (0x90, *bytes(7))][1:]
    assert chip.register(CANINTF) == RX0IF
    chip.deselect()
    assert chip.register(CANINTF) == 0
    assert frame == [0x24, 0x60, 0, 0, 2, 1, 2]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ((0x123, False, False, b""), 0x40),
        ((0x123, False, True, b""), 0x48),
        ((0x18DAF110, True, False, b""), 0x51),
        ((0x18DAF110, True, True, b""), 0x59),
    ],
)
def test_status_instructions(frame: tuple[int, bool, bool, bytes], status: int) -> None:
    chip = on_bus()
    enter(chip, CONFIGURATION)
    write(chip, 0x05, 0x08)  # filter 1 takes extended ids
    enter(chip, NORMAL)
    assert spi(chip, 0xB0, 0, 0) == [0, 0]
    chip.receive(frame)
    assert spi(chip, 0xB0, 0, 0) == [status, status]
    chip.receive(frame)
    assert spi(chip, 0xB0, 0) == [status | 0xC0]
    request(chip, 0)
    request(chip, 2)
    assert spi(chip, 0xA0, 0) == [0b0100_0111]
    send_all(chip)
    assert spi(chip, 0xA0, 0) == [0b1000_1011]
    spi(chip, 0x90, 0)
    assert spi(chip, 0xB0, 0)[0] & 7 == 6 + (status & 1)  # that one rolled over


@pytest.mark.parametrize(
    ("rollover", "flags", "errors"), [(True, RX0IF | RX1IF, RX1OVR), (False, RX0IF, RX0OVR)]
)
def test_rollover_and_overrun(rollover: bool, flags: int, errors: int) -> None:
    chip = on_bus(0x04 if rollover else 0)
    assert chip.register(0x60) == (0x06 if rollover else 0)
    for data in (b"a", b"b", b"c"):
        chip.receive((0x123, False, False, data))
    assert chip.register(CANINTF) == flags | ERRIF
    assert chip.register(EFLG) == errors
    assert chip.register(0x66) == ord("a")
    if rollover:
        assert chip.register(0x76) == ord("b")
    write(chip, EFLG, 0)
    assert chip.register(EFLG) == 0


def test_standard_frames_have_their_data_compared_with_the_extended_bits() -> None:
    chip = Chip()
    write(chip, 0x20, 0xFF, 0xE0, 0xFF, 0x0F, 0xFF, 0xE0, 0xFF, 0xFF)
    for filter_ in (0x00, 0x04, 0x08, 0x10, 0x14, 0x18):
        write(chip, filter_, 0x24, 0x60, 0xAB, 0x0C)
    enter(chip, LISTEN_ONLY)
    for data in (b"", b"\xab", b"\xab\x0d", b"\xaa\x0c"):
        chip.receive((0x123, False, False, data))
    assert chip.register(CANINTF) == 0
    chip.receive((0x123, False, False, b"\xab\xfc\x55"))
    assert chip.register(CANINTF) == RX0IF


def test_the_highest_priority_goes_first_and_among_equals_the_highest_buffer() -> None:
    chip = on_bus()
    for buffer in range(3):
        request(chip, buffer)
    assert send_all(chip) == [3, 2, 1]
    for buffer, priority in enumerate((2, 0, 2)):
        request(chip, buffer, priority)
    assert send_all(chip) == [3, 1, 2]
    assert chip.register(CANINTF) == TX0IF * 7


@pytest.mark.parametrize("keeps_request", [True, False])
def test_clearing_txreq_aborts_unless_the_frame_on_the_wire_gets_through(
    keeps_request: bool,
) -> None:
    chip = on_bus()
    chip.keeps_request_on_wire = keeps_request
    request(chip, 0)
    spi(chip, 0x05, 0x30, TXREQ, 0)
    assert chip.register(0x30) == ABTF
    for error, control in (("", 0), ("arbitration", ABTF | 0x20), ("bit", ABTF | 0x10)):
        request(chip, 0)
        assert chip.register(0x30) == TXREQ
        chip.start_transmission()
        spi(chip, 0x05, 0x30, TXREQ, 0)
        assert chip.register(0x30) == (TXREQ if keeps_request else 0)
        chip.end_transmission(error)
        assert chip.register(0x30) == control
    assert send_all(chip) == []


def test_abat_aborts_everything_and_one_shot_tries_once() -> None:
    chip = on_bus()
    for buffer in range(3):
        request(chip, buffer)
    chip.start_transmission()
    spi(chip, 0x05, 0x0F, 0x10, 0x10)
    assert [chip.register(0x30 + 16 * buffer) for buffer in range(3)] == [ABTF, ABTF, TXREQ]
    chip.end_transmission("acknowledge")
    assert chip.register(0x50) & (ABTF | TXREQ) == ABTF
    spi(chip, 0x05, 0x0F, 0x18, 0x08)
    request(chip, 0)
    chip.start_transmission()
    chip.end_transmission("arbitration")
    assert chip.register(0x30) & (ABTF | TXREQ) == ABTF


def test_error_counters_and_the_states_that_follow_from_them() -> None:
    chip = on_bus()
    request(chip, 0)
    seen = []
    for _ in range(20):  # nobody acknowledges: it stays error-passive
        chip.start_transmission()
        chip.end_transmission("acknowledge")
        seen.append(chip.register(EFLG))
    assert chip.register(TEC) == 128
    assert seen[10:12] == [0, EWARN | 4]
    assert seen[14:16] == [EWARN | 4, EWARN | 4 | TXEP]
    chip.start_transmission()
    chip.end_transmission()
    assert chip.register(TEC) == 127
    for _ in range(130):
        chip.receive_error()
    assert chip.register(REC) == 130
    chip.receive(FRAME)
    assert chip.register(REC) == 127


def test_bus_off_ends_after_128_times_11_recessive_bits_and_then_sends_what_is_pending() -> None:
    chip = on_bus()
    request(chip, 0)
    for _ in range(32):
        chip.start_transmission()
        chip.end_transmission("bit")
    assert chip.is_bus_off
    assert chip.register(EFLG) & TXBO
    assert chip.start_transmission() is None
    enter(chip, CONFIGURATION)
    assert chip.mode == NORMAL  # it waits for what is pending
    enter(chip, NORMAL)
    chip.see_recessive_bits(128 * 11 - 1)
    assert chip.is_bus_off
    chip.see_recessive_bits(1)
    assert not chip.is_bus_off
    assert chip.register(TEC) == 0
    assert send_all(chip) == [1]


def test_a_change_of_mode_waits_for_what_is_pending_and_for_the_bus() -> None:
    chip = on_bus()
    request(chip, 0)
    enter(chip, CONFIGURATION)
    assert chip.mode == NORMAL
    send_all(chip)
    assert chip.mode == CONFIGURATION
    chip.is_bus_stuck = True
    enter(chip, NORMAL)
    assert chip.mode == CONFIGURATION


def test_asleep_it_is_woken_by_the_bus_and_then_listens() -> None:
    chip = on_bus()
    enter(chip, SLEEP)
    chip.receive(FRAME)
    assert chip.register(CANINTF) == WAKIF
    assert chip.mode == LISTEN_ONLY
    assert not chip.acknowledges()
    chip.receive(FRAME)
    assert chip.register(CANINTF) == WAKIF | RX0IF


def test_in_loopback_mode_it_hears_itself_alone() -> None:
    chip = on_bus()
    enter(chip, LOOPBACK)
    request(chip, 0, data=b"x")
    chip.receive(FRAME)
    chip.run_loopback()
    assert chip.register(CANINTF) == TX0IF | RX0IF
    assert chip.register(0x66) == ord("x")


def test_int_is_low_while_an_enabled_flag_is_set() -> None:
    chip = on_bus()
    edges: list[int] = []
    chip.on_interrupt = lambda: edges.append(chip.register(CANINTF))
    write(chip, CANINTE, RX0IF)
    assert chip.interrupt == 1
    chip.receive(FRAME)
    chip.receive(FRAME)
    assert chip.interrupt == 0
    assert edges == [RX0IF]
    spi(chip, 0x90, 0)
    assert chip.interrupt == 1  # RX1IF is set, not enabled
    write(chip, CANINTE, RX1IF)
    assert edges == [RX0IF, RX1IF]


@pytest.mark.parametrize(
    ("command", "misuse"),
    [
        ((0x02, 0x30, 0x08), "TXREQ set, not by RTS: erratum 5"),
        ((0x05, 0x30, 0x08, 0x08), "TXREQ set, not by RTS: erratum 5"),
        ((0x42, 0x00), "transmit buffer 1 written while it is pending"),
        ((0x05, 0x40, 0x03, 0x02), "priority of buffer 1 changed while it is pending"),
    ],
)
def test_misuses_are_noted(command: tuple[int, ...], misuse: str) -> None:
    chip = on_bus()
    request(chip, 1)
    assert chip.misuses == []
    spi(chip, *command)
    assert chip.misuses == [misuse]
