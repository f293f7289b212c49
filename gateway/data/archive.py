"""The blocks on flash: their numbers, their order, and how they go.

    block-<n>     a sealed block of rows; numbers count up and are never given out twice
    block-s<n>    a schema, as `carport.cddl` has it
    data          [first, next, the newest one's kid, previous tag, erase below,
                   schema, schema's digest, schemas from]

Each block names the tag of the one before it, so that a dropped, swapped or older one is noticed,
by whoever reads them. What a block says of itself, in its header, is kept nowhere else.

Blocks go from the oldest on: when the ring is full or the flash nearly so, when what they hold may
not be kept any longer, and when they are erased; a few at a time, so that nothing else has to wait
for it.
"""

from hashlib import sha256

from gateway import cbor
from gateway.const import const
from gateway.data.block import header_of, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.oscore.ccm_stream import Piece
    from gateway.vault.records import Records

MAX_BLOCKS = const(240)
DAY_S = const(86_400)

_RECORD = "data"
_DIGEST_BYTES = const(8)
_DELETIONS = const(4)


class Archive:
    """All blocks and schemas.

    Attributes:
        first, next: the blocks' numbers are from first to next - 1; some may be missing.
        kid: what the newest block's key is called.
        schema: the newest schema's number.
        writes: how often a block was stored since boot; whoever stores one counts it.
    """

    def __init__(self, records: "Records", read_block: "Callable[[str], Any]") -> None:
        self._records = records
        self._read_block = read_block
        self.first = 1
        self.next = 1
        self.kid = b""
        self.schema = 0
        self.writes = 0
        self._previous = b""
        self._erase_below = 0
        self._schema_digest = b""
        self._schemas_from = 1
        self._asked = 0
        stored = records.get(_RECORD)
        if stored is not None:
            (
                self.first,
                self.next,
                self.kid,
                self._previous,
                self._erase_below,
                self.schema,
                self._schema_digest,
                self._schemas_from,
            ) = cbor.decode(stored)
            newest = self.read(self.next - 1)
            if newest is not None:
                self._previous = tag_of(newest)

    @property
    def is_erasing(self) -> bool:
        """Whether blocks are still to be deleted."""
        return self.first < self._erase_below

    @property
    def is_waiting(self) -> bool:
        """Whether the last deletions are not durable yet."""
        return self._records.acknowledged < self._asked

    @property
    def previous(self) -> bytes:
        """The tag of the block before the next one; empty if there is none."""
        return self._previous

    def read(self, number: int) -> "list[Piece] | None":
        """Return a block as it was stored last, None if there is none or it is damaged."""
        return self._read("block-" + str(number))

    def read_schema(self, number: int) -> "list[Piece] | None":
        """Return a schema, None if there is none."""
        return self._read("block-s" + str(number))

    def header(self, number: int) -> "dict[Any, Any] | None":
        """Return a block's header, None if there is no such block."""
        block = self.read(number)
        return None if block is None else header_of(block)

    def begin_block(self, kid: bytes) -> int:
        """Return a new block's number; the oldest block goes if there are too many."""
        number = self.next
        self.kid = kid
        self.next += 1
        if self.next - self.first > MAX_BLOCKS:
            self._records.delete("block-" + str(self.first))
            self.first += 1
        self._store()
        return number

    def finish_block(self, tag: bytes) -> None:
        """Take note that the newest block grows no more."""
        self._previous = tag

    def use_schema(self, encode: "Callable[[int], list[Piece]]") -> int:
        """Return the number of the schema that encode(number) makes; store it if it is new."""
        hashed = sha256()
        for piece in encode(0):
            hashed.update(piece)
        digest = hashed.digest()[:_DIGEST_BYTES]
        if digest != self._schema_digest:
            number = self.schema + 1  # stored before anything names it
            self._records.put_block("block-s" + str(number), encode(number))
            self.schema = number
            self._schema_digest = digest
            self._store()
        return self.schema

    def make_room(self) -> None:
        """Let a few of the oldest blocks go, for the flash is full or nearly so."""
        last = min(self.first + _DELETIONS, self.next - 1)
        while self.first < last:
            self._records.delete_first("block-" + str(self.first))
            self.first += 1
        self._store()

    def erase_below(self, number: int) -> int:
        """Delete all blocks below this number from now on; return the change's number."""
        self._erase_below = max(self._erase_below, number)
        return self._store()

    def first_since(self, unix_s: int, end: int) -> int:
        """Return the first block, of those below end, that began at this time or later.

        One of a board that did not know the time counts as having begun as early as it can have.
        """
        low, high = self.first, end
        while low < high:
            middle = (low + high) // 2
            number = middle
            header = self.header(number)
            while header is None and number > low:
                number -= 1
                header = self.header(number)
            if header is None or began_s(header) < unix_s:
                low = middle + 1
            else:
                high = number
        return low

    def expire(self, now_s: int) -> None:
        """Let the blocks go that may not be kept any longer."""
        number = self.first
        while number < self.next:
            header = self.header(number)
            if header is not None and ended_s(header) + header["keep_days"] * DAY_S > now_s:
                break
            number += 1
        if number > self.first:
            self.erase_below(number)

    def delete_some(self) -> None:
        """Delete a few of the blocks that are to go, and at last the schemas that none needs."""
        last = min(self.first + _DELETIONS, self._erase_below)
        while self.first < last:
            self._records.delete("block-" + str(self.first))
            self.first += 1
        if not self.is_erasing:
            header = None if self.first == self.next else self.header(self.first)
            needed = self.schema if header is None else header["schema"]
            while self._schemas_from < needed:
                self._records.delete("block-s" + str(self._schemas_from))
                self._schemas_from += 1
        self._asked = self._store()

    def _read(self, name: str) -> "list[Piece] | None":
        record = self._read_block(name)
        return None if record is None else self._records.open_block(name, record)

    def _store(self) -> int:
        row = [
            self.first,
            self.next,
            self.kid,
            self._previous,
            self._erase_below,
            self.schema,
            self._schema_digest,
            self._schemas_from,
        ]
        return self._records.put(_RECORD, cbor.encode(row))


def began_s(header: "dict[Any, Any]") -> int:
    """Return the wall time of a block's first row, or the earliest that it can have been."""
    if "boot_unix_s" in header:
        began: int = header["boot_unix_s"] + header["start_ms"] // 1000
        return began
    earliest: int = header["after_unix_s"]
    return earliest


def ended_s(header: "dict[Any, Any]") -> int:
    """Return the wall time of a block's last row, or the earliest that it can have been."""
    lasted_ms: int = header["end_ms"] - header["start_ms"]
    return began_s(header) + lasted_ms // 1000
