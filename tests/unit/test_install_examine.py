"""What a board is said to be, by its chip's answers."""

from collections.abc import Sequence

import pytest

from carport.errors import UsageError
from carport.hardware import board_named
from carport.install.chip import Found, Progress, Region
from carport.install.installation import examine
from carport.install.partitions import Partition, carport_table, encode_table
from gateway.package import encode

HEAD = {"version": "1.2.3", "board": "t-2can", "size": 9, "sha256": bytes(32), "mpy": 6}


class FakeChip:
    """Answers as a chip with this flash would; it cannot be written."""

    def __init__(self, found: Found, content: dict[int, bytes]) -> None:
        self._found = found
        self._content = content

    def identify(self) -> Found:
        return self._found

    def read(self, address: int, length: int) -> bytes:
        return self._content.get(address, b"").ljust(length, b"\xff")

    def has(self, regions: Sequence[Region]) -> bool:
        raise AssertionError

    def write(self, regions: Sequence[Region], progress: Progress = print) -> None:
        raise AssertionError

    def start(self) -> None:
        raise AssertionError


def s3(table: list[Partition], flash_mib: int = 16, **more: bytes) -> FakeChip:
    content = {0x8000: encode_table(table)}
    content |= {int(address.removeprefix("at_"), 16): data for address, data in more.items()}
    return FakeChip(Found("esp32s3", flash_mib), content)


def test_a_board_of_ours_tells_its_packages() -> None:
    head = encode({**HEAD, "car": "leaf-2016"})
    present = examine(
        s3(carport_table(16), at_254000=head, at_204000=b"CPKG"), board_named("t-2can")
    )
    assert (present.flash_mib, present.is_ours) == (16, True)
    assert [(each.board, each.car) for each in present.packages] == [("t-2can", "leaf-2016")]


def test_a_board_of_ours_whose_flash_is_larger_than_its_partitions_stays_ours() -> None:
    present = examine(s3(carport_table(8)), board_named("t-2can"))
    assert (present.flash_mib, present.is_ours) == (8, True)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(carport_table(4)[:-1], id="without vfs"),
        pytest.param(carport_table(32), id="more than there is"),
        pytest.param([Partition("nvs", 1, 2, 0x9000, 0x6000)], id="another"),
    ],
)
def test_other_partitions_are_not_ours(table: list[Partition]) -> None:
    present = examine(s3(table), board_named("t-2can"))
    assert (present.flash_mib, present.is_ours) == (16, False)


def test_too_small_a_flash_and_another_chip_are_refused() -> None:
    with pytest.raises(UsageError, match="has 2 MiB of flash, and Carport needs 4"):
        examine(s3([], flash_mib=2), board_named("t-2can"))
    with pytest.raises(UsageError, match="name the board that it is"):
        examine(s3([]), board_named("devkit-mcp2515"))
