"""Four simulated hours in the VM: no request, frame or notification leaves anything behind."""

from tests.soak.day import live_through
from tests.vm import VM

MAX_GROWTH_BYTES = 4096  # 16 to 32 answers are remembered, now more, now fewer


def test_the_heap_of_the_fourth_hour_is_that_of_the_second(vm: VM) -> None:
    hours = live_through(4, timeout_s=500)
    assert [each.number for each in hours] == [1, 2, 3, 4]
    assert hours[3].heap_bytes - hours[1].heap_bytes <= MAX_GROWTH_BYTES
