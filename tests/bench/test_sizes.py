"""Everything fits a board with 4 MB of flash: each package its slot, the rest its partition."""

import pytest

from carport.install.partitions import SMALLEST_FLASH_MIB, carport_table, find
from tests.bench.sizes import Sizes, ends_in_flash, measure

FILES_LEFT = 512 * 1024  # at least, for what a car records


@pytest.fixture(scope="module")
def sizes() -> Sizes:
    return measure()


def test_each_package_fits_its_slot_with_room_to_grow(sizes: Sizes) -> None:
    assert sizes.packages
    for board, car, size in sizes.packages:
        assert size < 0.9 * sizes.slot, f"{board} with {car} has {size} bytes"


def test_the_slots_are_as_large_as_the_partitions(sizes: Sizes) -> None:
    table = carport_table(SMALLEST_FLASH_MIB)
    assert {find(table, label).size for label in ("carport_a", "carport_b")} == {sizes.slot}


@pytest.mark.parametrize("flash_mib", [4, 8, 16])
def test_the_partitions_end_in_the_flash(flash_mib: int) -> None:
    assert ends_in_flash(flash_mib)


def test_the_loader_leaves_room_for_the_data(sizes: Sizes) -> None:
    assert sum(sizes.loader.values()) + FILES_LEFT < sizes.files
