"""The root's place: two sectors of flash beside the file system (firmware/two_sectors.py).

When a new root is written, the old one's sector is erased: that is how an old key goes for good,
which no file system promises. What a power cut interrupts is ended at the next start.

A wipe begins with an entry without a payload. While it is there, the wipe is not finished.
"""

from firmware.two_sectors import TwoSectors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.two_sectors import BlockDevice


class KeyPartition(TwoSectors):
    """The root's durable form on the first two blocks of a block device."""

    def __init__(self, device: "BlockDevice") -> None:
        TwoSectors.__init__(self, device, b"CPRT")

    def load(self) -> "bytes | None":
        """Return the payload, None if there is no entry; end what a power cut interrupted.

        b"" is a wipe that is not finished.

        Raises:
            OSError: the flash is broken.
        """
        payload = self.read()
        self._erase(1 - self._current)
        if payload is None:
            self._erase(self._current)
        return payload
