"""Sender sequence numbers: only below what storage holds, and never one twice."""

import pytest

from gateway.errors import NonceError
from gateway.oscore.sender_sequence import SenderSequence, encode_piv
from tests.vm import Both

END = (1 << 40) - 1


@pytest.mark.parametrize("limit", [0, 1024, END - 1])
def test_nothing_is_given_out_before_a_reservation_is_saved(limit: int) -> None:
    numbers = SenderSequence(limit)
    with pytest.raises(NonceError, match="not reserved"):
        numbers.next_piv()
    assert numbers.reservation is not None
    with pytest.raises(NonceError, match="not reserved"):
        numbers.next_piv()


def test_numbers_end_at_the_reserved_limit() -> None:
    numbers = SenderSequence(0)
    numbers.reserved(3)
    assert [numbers.next_piv() for _ in range(3)] == [b"\0", b"\1", b"\2"]
    with pytest.raises(NonceError):
        numbers.next_piv()
    numbers.reserved(4)
    assert numbers.next_piv() == b"\3"


def test_reboot_goes_on_at_the_saved_limit() -> None:
    numbers = SenderSequence(0)
    numbers.reserved(1024)
    numbers.next_piv()
    rebooted = SenderSequence(1024)
    rebooted.reserved(2048)
    assert rebooted.next_piv() == (1024).to_bytes(2, "big")


def test_reservation_is_asked_for_when_half_a_chunk_is_left() -> None:
    numbers = SenderSequence(0)
    assert numbers.reservation == 1024
    numbers.reserved(1024)
    for _ in range(512):
        assert numbers.reservation is None
        numbers.next_piv()
    assert numbers.reservation is None
    numbers.next_piv()
    assert numbers.reservation == 2048
    numbers.next_piv()
    assert numbers.reservation == 2048
    numbers.reserved(2048)
    assert numbers.reservation is None


def test_late_word_of_an_old_save_lowers_nothing() -> None:
    numbers = SenderSequence(0)
    numbers.reserved(2048)
    numbers.reserved(1024)
    for _ in range(2048):
        numbers.next_piv()
    with pytest.raises(NonceError):
        numbers.next_piv()


def test_exhaustion() -> None:
    numbers = SenderSequence(END - 2)
    assert numbers.reservation == END
    numbers.reserved(END)
    assert numbers.reservation is None
    assert numbers.next_piv() == (END - 2).to_bytes(5, "big")
    assert numbers.next_piv() == (END - 1).to_bytes(5, "big")
    for _ in range(2):
        with pytest.raises(NonceError, match="exhausted"):
            numbers.next_piv()


@pytest.mark.parametrize("limit", [0, 250, 65530, (1 << 24) - 3, (1 << 30) - 3, (1 << 32) - 3])
def test_numbers_across_a_byte(limit: int, both: Both) -> None:
    drawn = both("tests.differential.oscore", "numbers_of", limit, 10)
    assert drawn == (
        [encode_piv(limit + i) for i in range(10)],
        [limit + 1024] + [None] * 9,
    )


@pytest.mark.parametrize(
    ("sequence", "piv"),
    [
        (0, "00"),
        (1, "01"),
        (0xFF, "ff"),
        (0x100, "0100"),
        (0xFFFF, "ffff"),
        (0x10000, "010000"),
        (0x3FFFFFFF, "3fffffff"),
        (0x40000000, "40000000"),
        (0xFFFFFFFF, "ffffffff"),
        (0x100000000, "0100000000"),
        (END, "ffffffffff"),
    ],
)
def test_encode_piv(sequence: int, piv: str, both: Both) -> None:
    encoded = both("gateway.oscore.sender_sequence", "encode_piv", sequence)
    assert encoded == bytes.fromhex(piv)
