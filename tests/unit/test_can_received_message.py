"""What a frame must be to be accepted: its length, its checksum, its alive counter."""

from typing import Any

import pytest

from gateway.can.protection import ID_CRC8
from gateway.can.received_message import (
    BAD_CHECKSUM,
    OUTCOMES,
    REPEATED_COUNTER,
    WRONG_LENGTH,
    WRONG_SEQUENCE,
    ReceivedMessage,
)
from tests.differential.frames import checksum, reference_frame

CLIMATE = 0x110
ACCEPTED = 3  # the message's index
LOST = OUTCOMES.index("lost")
TIMEOUT_MS = 500
COUNTER = 4 | 1 << 10


class Counted(ReceivedMessage):
    """A message whose counts are its own."""

    def __init__(self, row: list[Any]) -> None:
        self.counts = [0 for _ in OUTCOMES]
        super().__init__(row, ACCEPTED, self.counts)


def message(maximum: int = 15) -> Counted:
    protection = [ID_CRC8, 0, b""]
    return Counted([0, CLIMATE, False, 8, TIMEOUT_MS, protection, COUNTER, maximum, None])


def frame(counter: int) -> bytes:
    return reference_frame(CLIMATE, counter, bytes(8))


def outcomes(received: Counted, counters: list[int], now_ms: int = 0) -> list[int]:
    return [received.receive(frame(counter), now_ms) for counter in counters]


@pytest.mark.parametrize("length", [0, 1, 7, 9, 64])
def test_another_length_is_refused(length: int) -> None:
    assert message().receive(bytes(length), 0) == WRONG_LENGTH


def test_every_bit_is_under_the_checksum() -> None:
    good = frame(0)
    assert message().receive(good, 0) == ACCEPTED
    for bit in range(64):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert message().receive(bad, 0) == BAD_CHECKSUM, bit


def test_the_checksum_belongs_to_the_id() -> None:
    assert message().receive(reference_frame(CLIMATE + 1, 0, bytes(8)), 0) == BAD_CHECKSUM


@pytest.mark.parametrize("position", [0, 3, 7])
def test_the_checksum_may_be_any_byte(position: int) -> None:
    row = [0, CLIMATE, False, 8, TIMEOUT_MS, [ID_CRC8, position, b""], None, 0, None]
    data = bytearray(b"\x01\x02\x03\x04\x05\x06\x07\x08")
    data[position] = checksum(CLIMATE, bytes(data), position)
    assert Counted(row).receive(data, 0) == ACCEPTED
    data[position] ^= 1
    assert Counted(row).receive(data, 0) == BAD_CHECKSUM


def test_without_checksum_and_counter_only_the_length_counts() -> None:
    received = Counted([0, CLIMATE, False, 2, TIMEOUT_MS, None, None, 0, None])
    assert [received.receive(data, 0) for data in (b"ab", b"ab", b"abc")] == [
        ACCEPTED,
        ACCEPTED,
        WRONG_LENGTH,
    ]


@pytest.mark.parametrize("first", range(16))
def test_any_counter_may_be_the_first_and_they_go_around(first: int) -> None:
    received = message()
    assert outcomes(received, [(first + i) % 16 for i in range(40)]) == [ACCEPTED] * 40
    assert received.counts[LOST] == 0


def test_a_repeated_counter_is_refused_however_late() -> None:
    received = message()
    assert outcomes(received, [5, 5]) == [ACCEPTED, REPEATED_COUNTER]
    assert outcomes(received, [5], now_ms=100 * TIMEOUT_MS) == [REPEATED_COUNTER]
    assert outcomes(received, [6]) == [ACCEPTED]


@pytest.mark.parametrize("last", range(16))
def test_up_to_half_the_range_ahead_is_accepted_and_counted(last: int) -> None:
    for delta in range(1, 16):
        received = message()
        status = outcomes(received, [last, (last + delta) % 16])[1]
        assert (status, received.counts[LOST]) == (
            (ACCEPTED, delta - 1) if delta <= 8 else (WRONG_SEQUENCE, 0)
        )


def test_after_a_wrong_sequence_the_next_counter_is_accepted() -> None:
    assert outcomes(message(), [9, 2, 3]) == [ACCEPTED, WRONG_SEQUENCE, ACCEPTED]
    assert outcomes(message(), [9, 2, 2]) == [ACCEPTED, WRONG_SEQUENCE, REPEATED_COUNTER]


@pytest.mark.parametrize(
    ("later_ms", "status"), [(TIMEOUT_MS, WRONG_SEQUENCE), (TIMEOUT_MS + 1, ACCEPTED)]
)
def test_an_overdue_message_may_begin_anywhere(later_ms: int, status: int) -> None:
    received = message()
    assert outcomes(received, [9], now_ms=1000) == [ACCEPTED]
    assert outcomes(received, [2], now_ms=1000 + later_ms) == [status]
    assert received.counts[LOST] == 0


def test_a_counter_may_end_below_its_bits() -> None:
    received = message(maximum=14)
    assert outcomes(received, [13, 14, 0, 1]) == [ACCEPTED] * 4
    assert received.counts[LOST] == 0
    assert outcomes(message(maximum=14), [15]) == [WRONG_SEQUENCE]
    assert outcomes(message(maximum=14), [14, 15, 0]) == [ACCEPTED, WRONG_SEQUENCE, ACCEPTED]


def test_a_refused_frame_changes_nothing() -> None:
    received = message()
    assert outcomes(received, [3]) == [ACCEPTED]
    assert received.receive(frame(9)[:7], 0) == WRONG_LENGTH
    assert received.receive(b"\xff" + frame(9)[1:], 0) == BAD_CHECKSUM
    assert outcomes(received, [4]) == [ACCEPTED]
    assert received.counts[LOST] == 0
