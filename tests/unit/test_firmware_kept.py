"""What outlives a deep sleep: whole, or not at all."""

from firmware import kept

AT_LEAST_S = 1_790_000_000
SLEPT_S = 812_345_678


def test_the_time_goes_on_by_what_is_certain() -> None:
    data = kept.encode(True, 3, AT_LEAST_S, SLEPT_S)
    assert len(data) == 14
    assert kept.decode(data, SLEPT_S) == (True, 3, AT_LEAST_S)
    assert kept.decode(data, SLEPT_S + 1600) == (True, 3, AT_LEAST_S + 1500)


def test_a_battery_that_was_not_low() -> None:
    assert kept.decode(kept.encode(False, 0, 7, 0), 0) == (False, 0, 7)


def test_a_clock_that_went_back_was_without_power() -> None:
    data = kept.encode(True, 3, AT_LEAST_S, SLEPT_S)
    assert kept.decode(data, SLEPT_S - 1) == kept.NOTHING


def test_nothing_damaged_or_foreign_is_taken() -> None:
    data = kept.encode(True, 3, AT_LEAST_S, SLEPT_S)
    for bit in range(8 * len(data)):
        spoilt = bytearray(data)
        spoilt[bit >> 3] ^= 1 << (bit & 7)
        assert kept.decode(bytes(spoilt), SLEPT_S) == kept.NOTHING
    for other in (b"", b"running", data[:-1], data + b"\0", bytes(14)):
        assert kept.decode(other, SLEPT_S) == kept.NOTHING
