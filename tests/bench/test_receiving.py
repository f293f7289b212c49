"""What BENCHMARKS.md says of receiving: it can be measured, and what is counted is as it was."""

from carport.profile.installed import installed_profiles
from tests.bench import driver, frame_load, spi
from tests.vm import VM


def test_every_profile_has_a_load() -> None:
    loads = frame_load.measure()
    assert [each.profile for each in loads] == list(installed_profiles())
    for load in loads:
        assert load.wanted >= load.ids / 2, load
        assert load.foreign < load.wanted, load


def test_what_a_frame_costs_on_spi() -> None:
    costs = {name: (cost.transfers, cost.bytes) for name, cost in spi.count().items()}
    assert costs == {
        "received, with the INT pin": (2, 18),
        "received, polled": (4, 26),
        "refused by the chip's filters": (0, 0),
        "refused by the driver": (2, 18),
        "sent, and told that it was": (4, 23),
    }


def test_the_vm_measures_the_driver(vm: VM) -> None:
    assert set(driver.measure(1)) == {driver.ACCEPTED, driver.REFUSED}
