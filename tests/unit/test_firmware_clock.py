"""The clock goes on where the board's ticks begin again."""

from firmware.clock import Clock

PERIOD = 1 << 30


class Ticks:
    """MicroPython's ticks: they wrap, and differences are of less than half the period."""

    def __init__(self, value: int) -> None:
        self.value = value

    def ticks_ms(self) -> int:
        return self.value % PERIOD

    @staticmethod
    def ticks_diff(end: int, start: int) -> int:
        return (end - start + PERIOD // 2) % PERIOD - PERIOD // 2


def test_time_begins_at_0_and_goes_on_over_the_wrap() -> None:
    ticks = Ticks(PERIOD - 10)
    clock = Clock(ticks.ticks_ms, ticks.ticks_diff)
    assert clock.now_ms() == 0
    passed_ms = 0
    for step_ms in (5, 5, 1, 0, PERIOD // 2 - 1, PERIOD // 2 - 1, 3):
        ticks.value += step_ms
        passed_ms += step_ms
        assert clock.now_ms() == passed_ms
