"""How long the board's flash lasts, projected from what it has stored since its start.

Storing a block of 4 KiB erases about one block of flash: 1,525 erases for 1,440 stores, measured
with littlefs in a simulation. littlefs spreads them over all of its blocks. That each takes
100,000 is what makers of such flash state. A board counts stores alone, and since its start.
"""

from dataclasses import dataclass

from carport.install.partitions import SECTOR_BYTES, SMALLEST_FLASH_MIB, carport_table, find

CYCLES = 100_000
ERASES_A_STORE = 1525 / 1440
FLASH_BLOCKS = find(carport_table(SMALLEST_FLASH_MIB), "vfs").size // SECTOR_BYTES
"""Of the file system of the smallest board; a larger one's lasts longer."""

MAX_BLOCKS = 240

_DAY_MS = 86_400_000
_BLOCK_BYTES = 3_576  # of rows, at most
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Wear:
    """A projection; is_known: whether anything was recorded since the start.

    years: until the average block has had its cycles. days_of_room: until the oldest data goes.
    """

    is_known: bool
    block_writes: int
    bytes_a_day: float
    erases_a_day: float
    years: float
    days_of_room: float
    cycles: int = CYCLES


def project(writes: int, stored_bytes: int, uptime_ms: int) -> Wear:
    """Return what follows if it goes on as it did since the board's start: blocks, their rows."""
    if not writes or uptime_ms <= 0:
        return Wear(False, writes, 0.0, 0.0, 0.0, 0.0)
    a_day = _DAY_MS / uptime_ms
    bytes_a_day = stored_bytes * a_day
    erases_a_day = writes * a_day * ERASES_A_STORE
    years = CYCLES * FLASH_BLOCKS / erases_a_day / _DAYS_A_YEAR
    room = MAX_BLOCKS * _BLOCK_BYTES / bytes_a_day if bytes_a_day else 0.0
    return Wear(True, writes, bytes_a_day, erases_a_day, years, room)
