"""The keeper of the car's data: consent decides, the recorder records, the archive stores.

It is made at boot if anything was ever consented to, else when somebody first asks; so a board
that records nothing loads nothing of this.
"""

from gateway.const import const
from gateway.data.archive import Archive
from gateway.data.block import KID
from gateway.data.chain import ID_BYTES, Chain
from gateway.data.consent import Consents
from gateway.data.recorder import Group, Recorder
from gateway.data.schema import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.data.exports import Exports
    from gateway.data.holders import Holders
    from gateway.data.ledger import Ledger
    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.records import Records
    from gateway.vault.settings import Settings
    from gateway.vault.wall_clock import WallClock
    from gateway.vehicle.state import VehicleState

_EXPIRY_MS = const(3_600_000)
_LATER_MS = const(1000)
_LONGEST_WAIT_MS = const(86_400_000)
_ROOM_MS = const(60_000)
RESERVE_BYTES = const(65_536)  # of the flash, which blocks leave to all else


class Keeper:
    """All of the car's data; `groups` are the compiled profile's.

    platform: as the core has it; its "storage_free" says how many bytes the flash has left.
    """

    def __init__(
        self,
        groups: "dict[str, bytes]",
        profile: str,
        state: "VehicleState",
        records: "Records",
        read_block: "Callable[[str], Any]",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        clock: "WallClock",
        settings: "Settings",
        ledger: "Ledger",
        boot: bytes,
        started_ms: int,
        now_ms: int,
        platform: "Callable[[], dict[str, Any]]",
    ) -> None:
        self.groups = groups
        self.clock = clock
        self.settings = settings
        self.ledger = ledger
        self.consents = Consents(records)
        self.chain = Chain(records, random)
        self._exports: Exports | None = None  # once somebody reads
        self.archive = Archive(records, read_block)
        self.started_ms = started_ms
        self._state = state
        self._records = records
        self._platform = platform
        self._has_room = True
        self._room_ms = now_ms
        self._ends_ms: int | None = None
        self._expiry_ms = now_ms + _LATER_MS
        self.recorder = Recorder(
            records,
            self.archive,
            self.chain,
            aes,
            clock,
            boot,
            started_ms,
            profile,
        )
        self.restart(now_ms)

    def group_of(self, segment: bytes) -> "str | None":
        """Return the group of this car with this name, None if there is none."""
        for group in self.groups:
            if group.encode() == segment:
                return group
        return None

    def missing(self, now_ms: int) -> str:
        """Return what must be done before anything can be recorded; "" if nothing."""
        if self.clock.unix_s(now_ms) is None:
            return "the gateway does not know the time: POST /time first"
        if self.settings.region is None:
            return "the gateway has no region: PUT /settings first"
        if not self.chain.exists:
            return "nobody has a key for the records: POST /records/key first"
        return ""

    def columns(self, group: str, precision: "dict[str, list[int]]") -> Columns:
        """Return the columns of a group of this car.

        Raises:
            DecodeError: a step that a path of the group cannot have.
        """
        return Columns(self._state, self.groups[group], precision)

    def restart(self, now_ms: int) -> None:
        """Record what may be recorded from now on, and nothing else."""
        now_s = self.clock.at_least_s(now_ms)
        groups = []
        region = self.settings.region
        if self.chain.exists and region is not None:
            grants = self.consents.all()[0]
            for name in self._in_force(now_s):
                grant = grants[name]
                columns = self.columns(name, grant.get("precision", {}))
                groups.append(
                    Group(name, grant["interval_s"], columns, grant["keep_days"], now_ms)
                )
        self.recorder.start(groups, region or "", now_ms)
        self._plan(now_s, now_ms)

    def tell_time(self, now_ms: int) -> None:
        """Take note that the time was set: what has ended by it is not recorded any more."""
        now_s = self.clock.at_least_s(now_ms)
        recorded = [group.name for group in self.recorder.groups]
        ended = [name for name in recorded if name not in self._in_force(now_s)]
        if ended:
            self.restart(now_ms)
            self.ledger.add_later("expired", "gateway", {"groups": ended}, now_ms)
        self._plan(now_s, now_ms)

    def handle_timer(self, now_ms: int, may_store: bool) -> None:
        """Do what is due; nothing is stored unless it may be."""
        if self._ends_ms is not None and now_ms >= self._ends_ms:
            self.tell_time(now_ms)
        self.recorder.handle_timer(now_ms, may_store and self._may_begin(now_ms))
        if self._exports is not None:
            self._exports.handle_timer(now_ms)
        if self.archive.is_erasing:
            if may_store and not self.archive.is_waiting:
                self.archive.delete_some()
        elif now_ms >= self._expiry_ms:
            self._expiry_ms = now_ms + (_EXPIRY_MS if may_store else _LATER_MS)
            if may_store:
                self.archive.expire(self.clock.at_least_s(now_ms))

    def next_timeout(self, may_store: bool) -> int:
        """Return when `handle_timer` has something to do."""
        first = self._expiry_ms
        if self.archive.is_erasing:
            if may_store and not self.archive.is_waiting:
                return 0
            first += _EXPIRY_MS
        exports_ms = None if self._exports is None else self._exports.next_timeout()
        for due_ms in (self.recorder.next_timeout(), self._ends_ms, exports_ms):
            if due_ms is not None and due_ms < first:
                first = due_ms
        return first

    def counters(self) -> "dict[str, int]":
        """Return what was recorded since boot."""
        recorder = self.recorder
        return {"rows": recorder.rows, "bytes": recorder.bytes, "writes": self.archive.writes}

    def holders(self) -> "Holders":
        """Return who holds keys; it is loaded for the occasion."""
        from gateway.data.holders import Holders

        return Holders(self._records)

    def note_read(self, by: str, number: int, now_ms: int) -> int:
        """Take note that somebody reads a block; return the change that must be durable."""
        return self._readers().note(by, number, now_ms)

    def note_refusal(self, by: str, reason: str, number: int, now_ms: int) -> int:
        """Take note that somebody was refused records; return the change's number."""
        return self._readers().deny(by, reason, number, now_ms)

    def create_chain(self, host_random: bytes, now_ms: int) -> None:
        """Make the chain that blocks are sealed with, if there is none, and begin to record."""
        if not self.chain.exists:
            self.chain.create(host_random)
            self.recorder.begin_chain(now_ms)
            self.restart(now_ms)

    def erase_all(self, now_ms: int) -> None:
        """Destroy the chain, then every block; what was not stored yet never is.

        Recording goes on once somebody has fetched a key of the next chain.
        """
        self.recorder.drop()
        if self.chain.exists:
            chain = self.chain.id
            self.chain.destroy()
            self.holders().erase(chain, None)
        self.archive.erase_below(self.archive.next)
        self.restart(now_ms)

    def erase_before(self, unix_s: int, now_ms: int) -> None:
        """Destroy the keys, then the blocks, of what was begun to be recorded before a time.

        A block goes as a whole. The present step ends, so that no key of it opens what comes.
        """
        number = self.archive.first_since(unix_s, self.recorder.number or self.archive.next)
        began_s = self.recorder.began_s()
        if number == self.recorder.number and began_s is not None and began_s < unix_s:
            number += 1
            self.recorder.drop()
        if self.chain.exists:
            header = self.archive.header(number)
            self.recorder.advance_step(now_ms)
            step = self.chain.step
            if header is not None and header[KID][:ID_BYTES] == self.chain.id:
                step = int.from_bytes(header[KID][ID_BYTES:], "big")
            self.holders().erase(self.chain.id, step)
        self.archive.erase_below(number)

    def _may_begin(self, now_ms: int) -> bool:
        """Tell whether the flash has room for one more block; else the oldest ones make some."""
        recorder = self.recorder
        if recorder.number:
            return True  # the open block takes the place of its older version
        if now_ms >= self._room_ms and recorder.began_s() is not None:
            self._room_ms = now_ms + _ROOM_MS
            free_bytes = self._platform().get("storage_free")
            self._has_room = free_bytes is None or free_bytes >= RESERVE_BYTES
            if not self._has_room:
                self.archive.make_room()
        return self._has_room

    def _readers(self) -> "Exports":
        if self._exports is None:
            from gateway.data.exports import Exports

            self._exports = Exports(self.ledger)
        return self._exports

    def _in_force(self, now_s: int) -> "list[str]":
        return [name for name in sorted(self.groups) if self.consents.in_force(name, now_s)]

    def _plan(self, now_s: int, now_ms: int) -> None:
        """Plan to look again when the next grant ends, or tomorrow."""
        ends_s = self.consents.ends_s(now_s)
        self._ends_ms = None
        if ends_s is not None:
            self._ends_ms = now_ms + min(1000 * (ends_s - now_s), _LONGEST_WAIT_MS)
