"""The car's data at home: composes consent, records, ledger and settings with their resources.

The ledger and the settings are always there. All that records is loaded at boot if anything was
ever consented to, else when somebody first asks: a board that records nothing has its heap for
itself. What is loaded so late lies scattered over the heap, and nothing moves it together; so ten
seconds after the first consent the board wants to restart, and begins again with everything in
its place.

    /settings /ledger /consent /records      each loaded with its first request
    /update                                  likewise; its start goes into the ledger
    /keys /time /arm                         their changes go into the ledger
"""

from gateway.coap.numbers import DELETE, GET, POST, PUT
from gateway.const import const
from gateway.data.ledger import Ledger
from gateway.errors import BusyError
from gateway.resources.deferred import DeferredReader, DeferredResource
from gateway.resources.noted import NotedResource
from gateway.vault.principals import DRIVER, OWNER
from gateway.vault.settings import Settings

_TIDY_MS = const(10_000)  # after the first consent, for the sake of the heap
_SOON_MS = const(1_000)  # until a restart for new settings or firmware: the answer has left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.data.keeper import Keeper
    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.resources.update import Writer
    from gateway.vault.records import Records
    from gateway.vault.wall_clock import WallClock
    from gateway.vehicle.receipts import Receipt
    from gateway.vehicle.state import VehicleState


class Home:
    """All of it; `resources` are the endpoint's, {first segment: resource}.

    wants_restart: the board should start anew: for the sake of its heap, of new settings, or of
    another firmware.
    """

    def __init__(
        self,
        profile: "dict[str, Any]",
        state: "VehicleState",
        records: "Records",
        read_block: "Callable[[str], Any]",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        clock: "WallClock",
        boot: bytes,
        name: str,
        now_ms: int,
        platform: "Callable[[], dict[str, Any]]",
    ) -> None:
        self._groups = profile["groups"]
        self._profile = profile["name"]
        self._state = state
        self._records = records
        self._read_block = read_block
        self._aes = aes
        self._random = random
        self._clock = clock
        self._boot = boot
        self._started_ms = now_ms
        self._platform = platform
        self.settings = Settings(records, name)
        self.ledger = Ledger(records, read_block, aes, random, clock.unix_s, now_ms)
        self.wants_restart = False
        self._tidy_ms: int | None = None  # when to restart for the heap; 0 until it records
        self._restart_ms: int | None = None  # when to restart for new settings or firmware
        self._keeper: Keeper | None = None
        self._resources: dict[bytes, Any] = {}

    def add_resources(self, resources: "dict[bytes, Any]", is_recording: bool) -> None:
        """Add the resources of the data, and take note of what changes keys, time and arming.

        is_recording: whether what was consented to is recorded; a board in trouble does not.
        """
        self._resources = resources
        for kind, changed in (("keys", None), ("time", self._tell_time), ("arm", None)):
            segment = kind.encode()
            resources[segment] = NotedResource(resources[segment], kind, self.ledger, changed)
        owner = {GET: OWNER, PUT: OWNER, DELETE: OWNER}
        deferred: list[tuple[bytes, int, dict[int, int], Callable[[int], Any]]] = [
            (b"settings", 1, {GET: OWNER, PUT: OWNER}, self._load_settings),
            (b"ledger", -2, {GET: OWNER, DELETE: OWNER}, self._load_ledger),
        ]
        if is_recording:
            readers = {GET: DRIVER, POST: DRIVER, DELETE: OWNER}
            deferred.append((b"consent", -3, owner, self._load_consent))
            resources[b"records"] = DeferredReader(-3, readers, self._load_records)
        for segment, segments, roles, load in deferred:
            resources[segment] = DeferredResource(segments, roles, load)
        if is_recording and self._records.get("consent") is not None:
            self._load_records(self._started_ms)
            self._tidy_ms = None

    def add_updates(
        self, version: str, open_writer: "Callable[[], Writer]", may_write: "Callable[[], bool]"
    ) -> None:
        """Take updates of the firmware, which has this version; see UpdateResource."""

        def load(now_ms: int) -> "Any":
            try:
                from gateway.resources.update import UpdateResource

                writer = open_writer()
            except OSError as error:
                raise BusyError(f"no update here: {error}")
            except MemoryError:  # once it has restarted, the heap is in one piece
                self._restart_soon(now_ms)
                raise BusyError("the board starts anew, to have room")
            resource = UpdateResource(writer, version, self.ledger, may_write, self._restart_soon)
            self._resources[b"update"] = resource
            return resource

        roles = {GET: OWNER, PUT: OWNER, POST: OWNER}
        deferred = self._resources[b"update"] = DeferredResource(1, roles, load)
        deferred.takes_blocks = True

    def note(self, kind: str, by: str, detail: "Any", now_ms: int) -> None:
        """Put something into the ledger that nobody waits for."""
        self.ledger.add_later(kind, by, detail, now_ms)

    def note_command(self, receipt: "Receipt", now_ms: int) -> None:
        """Put a command of somebody's into the ledger, unless it was refused and nothing sent."""
        if receipt.kid and receipt.has_intent:
            said = {"command": receipt.command, "state": receipt.state}
            self.ledger.add_later("command", receipt.by, said, now_ms)

    def rest(self, now_ms: int) -> None:
        """Store what is in memory alone: the board is about to sleep."""
        if self.ledger.is_waiting:
            self.ledger.write_later()
        if self._keeper is not None:
            self._keeper.recorder.close(now_ms)

    def handle_timer(self, now_ms: int, may_store: bool) -> None:
        """Do what is due; nothing is stored unless it may be."""
        if may_store and self.ledger.is_waiting:
            self.ledger.write_later()
        if may_store and self._restart_ms is not None and now_ms >= self._restart_ms:
            self._restart_ms = None
            self.wants_restart = True
        keeper = self._keeper
        if keeper is None:
            return
        keeper.handle_timer(now_ms, may_store)
        if self._tidy_ms is not None and keeper.recorder.groups and may_store:
            if not self._tidy_ms:
                self._tidy_ms = now_ms + _TIDY_MS
            if now_ms >= self._tidy_ms:
                self.wants_restart = True

    def next_timeout(self, may_store: bool) -> "int | None":
        """Return when `handle_timer` has something to do."""
        if may_store and self.ledger.is_waiting:
            return 0
        due_ms = None if self._keeper is None else self._keeper.next_timeout(may_store)
        restart_ms = self._restart_ms
        if may_store and restart_ms is not None and (due_ms is None or restart_ms < due_ms):
            return restart_ms
        return due_ms

    def make_room(self) -> None:
        """Let the oldest blocks go, for the flash is full."""
        if self._keeper is not None:
            self._keeper.archive.make_room()

    def describe(self) -> "dict[str, Any] | None":
        """Return what `carport.cddl` calls data-status, None if nothing is loaded."""
        keeper = self._keeper
        if keeper is None:
            return None
        described: dict[str, Any] = {
            "recording": bool(keeper.recorder.groups),
            "blocks": keeper.archive.next - keeper.archive.first,
        }
        described.update(keeper.counters())
        return described

    def keeper(self, now_ms: int) -> "Keeper":
        """Return what records, loaded if it was not."""
        if self._keeper is None:
            from gateway.data.keeper import Keeper

            self._tidy_ms = 0
            self._keeper = Keeper(
                self._groups,
                self._profile,
                self._state,
                self._records,
                self._read_block,
                self._aes,
                self._random,
                self._clock,
                self.settings,
                self.ledger,
                self._boot,
                self._started_ms,
                now_ms,
                self._platform,
            )
        return self._keeper

    def _tell_time(self, now_ms: int) -> None:
        if self._keeper is not None:
            self._keeper.tell_time(now_ms)

    def _change_settings(self, now_ms: int, needs_restart: bool) -> None:
        if self._keeper is not None:
            self._keeper.restart(now_ms)
        if needs_restart:
            self._restart_soon(now_ms)

    def _restart_soon(self, now_ms: int) -> None:
        self._restart_ms = now_ms + _SOON_MS

    def _load_settings(self, now_ms: int) -> "Any":
        from gateway.resources.settings import SettingsResource

        resource = SettingsResource(self.settings, self.ledger, self._change_settings)
        self._resources[b"settings"] = resource
        return resource

    def _load_ledger(self, now_ms: int) -> "Any":
        from gateway.resources.ledger import LedgerResource

        resource = self._resources[b"ledger"] = LedgerResource(self.ledger)
        return resource

    def _load_consent(self, now_ms: int) -> "Any":
        from gateway.resources.consent import ConsentResource

        resource = self._resources[b"consent"] = ConsentResource(self.keeper(now_ms))
        return resource

    def _load_records(self, now_ms: int) -> "Any":
        from gateway.resources.records import RecordsResource

        resource = RecordsResource(self.keeper(now_ms), self._records.wipe)
        self._resources[b"records"] = resource
        return resource
