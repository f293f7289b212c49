"""`esp32`, as far as the firmware uses it; see tests/shims."""

from tests.shims import chip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

_INIT = 1
_DEINIT = 2
_SYNC = 3
_COUNT = 4
_SIZE = 5
_ERASE = 6


class Partition:
    """A partition in RAM: what is programmed without being erased keeps its zeros."""

    TYPE_DATA = 1

    def __init__(self, __id: str) -> None:
        self._label = __id
        self._bytes = chip.partitions[__id]

    @staticmethod
    def find(__type: int = 0, __subtype: int = 255, *, label: "str | None" = None) -> "Any":
        assert __type == Partition.TYPE_DATA
        return [Partition(each) for each in sorted(chip.partitions) if label in (None, each)]

    def info(self) -> "Any":
        return (1, 129, 0, len(self._bytes), self._label, False)

    def readblocks(self, block_num: int, buf: "Any", offset: int = 0) -> "Any":
        start = self._begin(block_num, offset, len(buf))
        buf[:] = self._bytes[start : start + len(buf)]

    def writeblocks(self, __block_num: int, __buf: "Any", __offset: "int | None" = None) -> None:
        start = self._begin(__block_num, __offset or 0, len(__buf))
        if __offset is None and len(__buf) % chip.BLOCK_BYTES:
            raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")  # of what is erased before
        for index, byte in enumerate(bytes(__buf)):
            if __offset is not None:
                byte &= self._bytes[start + index]
            self._bytes[start + index] = byte

    def ioctl(self, op: int, arg: "Any" = 0) -> "Any":
        if op in (_INIT, _DEINIT, _SYNC):
            return 0
        if op == _COUNT:
            return len(self._bytes) // chip.BLOCK_BYTES
        if op == _SIZE:
            return chip.BLOCK_BYTES
        if op == _ERASE:
            start = self._begin(arg, 0, chip.BLOCK_BYTES)
            self._bytes[start : start + chip.BLOCK_BYTES] = b"\xff" * chip.BLOCK_BYTES
            return 0
        return None

    def _begin(self, block: int, offset: int, size: int) -> int:
        """Return where it begins; an error is ESP-IDF's, and its number less than 0."""
        start = chip.BLOCK_BYTES * block + offset
        if start > len(self._bytes):
            raise OSError(-0x102, "ESP_ERR_INVALID_ARG")
        if start + size > len(self._bytes):
            raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")
        return start


def wake_on_ext0(__pin: "Any", __level: bool) -> None:
    chip.wake_pins["ext0"] = __pin, __level


def wake_on_ext1(__pins: "Any", __level: bool) -> None:
    chip.wake_pins["ext1"] = __pins, __level
