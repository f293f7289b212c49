"""The recorder: rows of what was consented to, at the interval that was, into the open block.

Rules:

1. A row is sampled at each multiple of its group's interval since boot. A group of which nothing
   is known twice in a row has none: a sleeping car fills no flash.
2. The open block is stored each minute if a row came, in the place of its older version. It is
   closed when it is full, when the key's step ends, and when what is recorded changes.
3. Nothing is stored while a command is under way (`may_store`); rows go on as long as there is
   room.
4. The key's step ends with the boot, after 24 hours, and with the day, if the time is known. The
   old key seals the last of the block before it is destroyed.
5. While it is being stored, the block's buffer is the storage's. Rows that are due meanwhile are
   shown, and lost; as a rule it takes no longer than the turn in which it began.
"""

from gateway.const import const
from gateway.data.block import OpenBlock
from gateway.data.schema import encode_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.data.archive import Archive
    from gateway.data.chain import Chain
    from gateway.data.schema import Columns
    from gateway.oscore.ccm import BlockCipher, BlockCipherFactory
    from gateway.vault.records import Records
    from gateway.vault.wall_clock import WallClock

_FLUSH_MS = const(60_000)
_FLUSH_AGAIN_MS = const(1000)
_STEP_MS = const(86_400_000)
_DAY_S = const(86_400)


class Group:
    """A group that is recorded: its columns, its newest row, and when the next one is due.

    is_known: whether the newest row had anything in it.
    """

    def __init__(
        self, name: str, interval_s: int, columns: "Columns", keep_days: int, now_ms: int
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self.columns = columns
        self.keep_days = keep_days
        self.row: list[int | None] = [None] * len(columns)
        self.row_ms = -1
        self.is_known = False
        self.due_ms = 0
        self._plan(now_ms)

    def sample(self, now_ms: int) -> bool:
        """Take the next row; return whether it is to be kept."""
        self._plan(now_ms)
        was_known = self.is_known
        self.is_known = self.columns.sample(self.row, now_ms)
        if not self.is_known and not was_known:
            return False
        self.row_ms = now_ms
        return True

    def _plan(self, now_ms: int) -> None:
        interval_ms = self.interval_s * 1000
        self.due_ms = (now_ms // interval_ms + 1) * interval_ms


class Recorder:
    """Records the groups it is told to; times are of the core's clock, blocks have uptimes."""

    def __init__(
        self,
        records: "Records",
        archive: "Archive",
        chain: "Chain",
        aes: "BlockCipherFactory",
        clock: "WallClock",
        boot: bytes,
        started_ms: int,
        profile: str,
    ) -> None:
        self.groups: list[Group] = []
        self.region = ""
        self.number = 0  # of the open block, 0 while it was never stored
        self.rows = 0
        self.bytes = 0
        self.version = 0  # of the newest rows
        self._records = records
        self._archive = archive
        self._chain = chain
        self._aes = aes
        self._clock = clock
        self._boot = boot
        self._started_ms = started_ms
        self._profile = profile
        self._block: OpenBlock | None = None
        self._cipher: BlockCipher | None = None
        self._change = 0  # of the version that is being stored, 0 if none is
        self._tag = b""
        self._is_closing = False
        self._flush_ms = 0
        self._step_ms = -1
        self._step_day = -1

    def start(self, groups: "list[Group]", region: str, now_ms: int) -> None:
        """Record these from now on, none to stop; what was recorded before is stored."""
        self.close(now_ms)
        self.groups = groups
        self.region = region
        if not groups:
            return
        if self._block is None:
            self._block = OpenBlock(self._boot)
        described = [(group.name, group.interval_s, group.columns) for group in groups]
        self._archive.use_schema(lambda number: encode_schema(number, self._profile, described))
        if not self._change:
            self._begin()
        self._flush_ms = now_ms + _FLUSH_MS

    def close(self, now_ms: int) -> None:
        """Store the open block for the last time, if it has rows."""
        block = self._block
        if block is None or not self.groups or self._is_closing:
            return
        if not self._change:
            if not block.rows_bytes:
                return
            self._store(now_ms)
        self._archive.finish_block(self._tag)
        self._is_closing = True

    def drop(self) -> None:
        """Forget the rows of the open block."""
        if self._change:
            self._is_closing = True
        elif self._block is not None and self.groups:
            self._begin()

    def began_s(self) -> "int | None":
        """Return when the open block began, or the earliest that it can have; None if it has no
        rows."""
        block = self._block
        if block is None or not block.rows_bytes:
            return None
        return self._clock.at_least_s(self._started_ms + block.start_ms)

    def advance_step(self, now_ms: int) -> int:
        """Destroy the present key, and go on with the next; return the change's number."""
        self.close(now_ms)
        self._note_step(now_ms)
        return self._chain.advance()

    def begin_chain(self, now_ms: int) -> None:
        """Take note that the chain is a new one."""
        self._note_step(now_ms)

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = None
        for group in self.groups:
            if first is None or group.due_ms < first:
                first = group.due_ms
        if first is not None and self._flush_ms < first:
            first = self._flush_ms
        return first

    def handle_timer(self, now_ms: int, may_store: bool) -> None:
        """Take the rows that are due, and store what is to be stored."""
        block = self._block
        if block is None or not self.groups:
            return
        if self._change and self._records.acknowledged >= self._change:
            self._take_back()
        may_store = may_store and not self._change
        if may_store and not block.rows_bytes and self._is_step_over(now_ms):
            self.advance_step(now_ms)
        for index in range(len(self.groups)):
            group = self.groups[index]
            if now_ms >= group.due_ms and group.sample(now_ms):
                self.version += 1
                if not self._change and not block.is_full:
                    before = block.rows_bytes
                    block.append(index, group.row, now_ms - self._started_ms)
                    self.rows += 1
                    self.bytes += block.rows_bytes - before
        if may_store:
            if self._is_step_over(now_ms):
                self.advance_step(now_ms)
            elif block.is_full:
                self.close(now_ms)
            elif now_ms >= self._flush_ms and block.is_changed:
                self._store(now_ms)
            if now_ms >= self._flush_ms:
                self._flush_ms = now_ms + _FLUSH_MS
        elif now_ms >= self._flush_ms:
            self._flush_ms = now_ms + _FLUSH_AGAIN_MS

    def _begin(self) -> None:
        assert self._block is not None
        self.number = 0
        self._is_closing = False
        self._block.begin([len(group.columns) for group in self.groups])

    def _take_back(self) -> None:
        """Go on with the buffer that storage has done with."""
        assert self._block is not None
        assert self._cipher is not None
        self._change = 0
        if self._is_closing:
            self._begin()
        else:
            self._block.take_back(self._records, self._cipher)

    def _is_step_over(self, now_ms: int) -> bool:
        """Tell whether the next row must not be sealed with the present key."""
        unix_s = self._clock.unix_s(now_ms)
        day = -1 if unix_s is None else unix_s // _DAY_S
        if self._step_ms < 0:  # the first of this boot
            self._note_step(now_ms)
            return self._archive.kid == self._chain.kid
        if self._step_day < 0:
            self._step_day = day
        return now_ms - self._step_ms >= _STEP_MS or day > self._step_day

    def _note_step(self, now_ms: int) -> None:
        unix_s = self._clock.unix_s(now_ms)
        self._step_ms = now_ms
        self._step_day = -1 if unix_s is None else unix_s // _DAY_S

    def _store(self, now_ms: int) -> None:
        """Store the open block as it is."""
        block = self._block
        assert block is not None
        if not self.number:
            self.number = self._archive.begin_block(self._chain.kid)
        header: dict[Any, Any] = {
            "block": self.number,
            "boot": self._boot,
            "schema": self._archive.schema,
            "region": self.region,
            "start_ms": block.start_ms,
            "end_ms": block.end_ms,
            "previous": self._archive.previous,
            "keep_days": min([group.keep_days for group in self.groups]),
        }
        unix_s = self._clock.unix_s(now_ms)
        if unix_s is None:
            began_ms = self._started_ms + block.start_ms
            header["after_unix_s"] = self._clock.at_least_s(began_ms)
        else:
            header["boot_unix_s"] = unix_s - (now_ms - self._started_ms) // 1000
        self._cipher = self._aes(self._chain.data_key())
        name = "block-" + str(self.number)
        try:
            self._change, self._tag = block.store(
                self._records, name, self._cipher, self._chain.kid, header
            )
        except MemoryError:  # half-way: what was stored of it before is all there is
            if self._tag:
                self._archive.finish_block(self._tag)
            self._begin()
            raise
        self._archive.writes += 1
