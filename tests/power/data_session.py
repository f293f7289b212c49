"""A session that records: consent, rows, blocks, steps of the chain, erasures, and an end to all.

It ends with a history as the other session's, and beside it what was promised about the data.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cbor2

from gateway.coap.numbers import CHANGED, CONTENT, DELETE, DELETED, POST, PUT, URI_QUERY
from tests.models.data_host import DataHost
from tests.models.records import Block, Chain, open_block
from tests.power.board import VmBoard
from tests.power.promises import Change, HeldKey, Mark, Setting
from tests.power.session import COOL, DAY_S, HEAT, LOCK, MONDAY_S, UNLOCK, History, Session, Wish

BLOCKS = 64  # of the file system
DAY_MS = 86_400_000
FIRST_S = MONDAY_S + 3600
FLUSH_MS = 60_000
SOON_MS = 100
OFTEN_S = 2
SELDOM_S = 30
LATITUDE = "Vehicle.CurrentLocation.Latitude"
GROUPS = ("climate", "driving", "location")
SENT = ("DRV_Status", "DRV_Odometer", "CLIM_Status", "NAV_Latitude", "NAV_Longitude")


@dataclass
class Erasure(Change):
    """Blocks whose keys were destroyed: those of a chain below a step, of all steps if None."""

    chain: Chain = field(kw_only=True)
    step: int | None = None
    numbers: set[int] = field(default_factory=set)


@dataclass
class DataPromises:
    """What was promised about the data.

    Attributes:
        consents: by group, 1 when it was granted and 0 when it was withdrawn.
        keys: the keys that were told, each with its change.
        ledger: of each entry that was told to be there, what kind it is of.
        speeds: what the car said at each uptime, of whichever boot.
        blocks: what was read, by what was sealed.
    """

    consents: dict[str, list[Setting]] = field(
        default_factory=lambda: {group: [] for group in GROUPS}
    )
    keys: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)
    ledger: list[tuple[str, Change]] = field(default_factory=list)
    speeds: dict[int, set[float]] = field(default_factory=dict)
    blocks: dict[bytes, Block] = field(default_factory=dict)

    def chain(self, chain_id: bytes) -> Chain:
        """Return what a host was told of a chain."""
        for key, _ in self.keys:
            if key["chain"] == chain_id:
                return Chain(key["chain"], key["step"], key["key"])
        raise AssertionError("blocks of a chain that nobody has a key of")

    def opened(self, data: bytes) -> Block:
        """Return a block, read with what the host was told."""
        if data not in self.blocks:
            protected = cbor2.loads(data).value[0]
            chain = self.chain(cbor2.loads(protected)[4][:8])
            self.blocks[data] = open_block(data, chain)
        return self.blocks[data]


@dataclass
class DataHistory(History):
    """The history, with what was promised about the data, and who has ended all of it."""

    data: DataPromises = field(default_factory=DataPromises)


class DataSession(Session):
    """Plays an owner whose car records."""

    def __init__(self, board: VmBoard) -> None:
        Session.__init__(self, board)
        self.data = DataPromises()
        self.speed = 0.0
        self.owner: HeldKey

    def play(self) -> DataHistory:
        """Live through the session."""
        board = self.board
        board.make(False, BLOCKS)
        self.reboot()
        formatted = board.mark
        self.owner = self.pair("ann")
        self.host = DataHost(self.owner.host)
        self.arm(self.owner)
        self.tell_time(self.owner, MONDAY_S)
        self.begin_to_record()
        self.change_what_is_recorded()
        self.let_days_pass()
        self.erase_and_go_on()
        self.leave()
        return self.history(DataHistory, formatted, blocks=BLOCKS, data=self.data)

    def begin_to_record(self) -> None:
        """Say where it is, fetch the key, and record until a block is full."""
        change = Change(self.board.mark)
        answer = self.owner.host.request(PUT, ["settings"], {"region": "DE"})
        assert answer.code == CHANGED
        self.note("settings", change)
        self.fetch_key()
        self.consent("driving", OFTEN_S)
        self.reboot()  # as the board does by itself after the first consent
        self.travel(62, OFTEN_S)  # before anybody has told the time
        self.tell_time(self.owner, FIRST_S)
        for group in ("climate", "location"):
            self.consent(group, OFTEN_S)
        while self.blocks_begun() < 3:
            self.travel(20, OFTEN_S)
        self.command_while_a_flush_is_due(HEAT)

    def change_what_is_recorded(self) -> None:
        """Change the schema, read, and withdraw."""
        self.consent("driving", SELDOM_S)
        self.travel(130, SELDOM_S)
        self.read()
        self.withdraw("climate")
        self.consent("location", SELDOM_S, precision={LATITUDE: [1, 100]})
        self.travel(70, SELDOM_S)
        self.command_while_a_flush_is_due(LOCK)
        self.withdraw("location")
        self.travel(70, SELDOM_S)

    def let_days_pass(self) -> None:
        """Let the chain go on: with a day, and with a boot."""
        change = Change(self.board.mark)
        self.board.advance(DAY_MS)
        change.told = self.board.mark
        self.promises.times.append(Setting(FIRST_S + DAY_S, change))  # it is stored each day
        self.travel(130, SELDOM_S)
        self.reboot()
        self.travel(70, SELDOM_S)
        self.tell_time(self.owner, MONDAY_S + 2 * DAY_S)
        self.travel(70, SELDOM_S)
        self.command_while_a_flush_is_due(UNLOCK)

    def erase_and_go_on(self) -> None:
        """Erase what is old, then everything, and record again with a new key."""
        self.erase(before=MONDAY_S + DAY_S)
        self.travel(70, SELDOM_S)
        self.confirm_erased()
        self.consent("climate", SELDOM_S)
        self.travel(70, SELDOM_S)
        self.erase()
        self.confirm_erased()
        self.travel(40, SELDOM_S)  # nobody has a key
        self.fetch_key()
        self.travel(130, SELDOM_S)
        self.forget_the_ledger()
        self.reboot()
        self.travel(70, SELDOM_S)
        self.command_while_a_flush_is_due(COOL)
        self.withdraw("driving")
        self.read()

    def leave(self) -> None:
        """Let the owner change: everything is wiped."""
        ended = Change(self.board.mark)
        query = [(URI_QUERY, b"owner-change")]
        answer = self.owner.host.request(DELETE, ["records"], options=query)
        assert answer.code == DELETED
        ended = self.told(ended, self.owner.host)
        self.promises.reset = ended
        self.promises.armings.append(Setting(0, ended))
        self.promises.times.append(Setting(0, ended))
        self.end(ended, self.promises.held())
        self.reboot()

    # ---- what an owner does ----

    def fetch_key(self) -> None:
        """Fetch the key of the chain, which makes one if there is none."""
        change = Change(self.board.mark)
        self.host.fetch_key()
        self.note("key", change)
        self.data.keys.append((self.host.keys, change))

    def consent(self, group: str, interval_s: int, **more: Any) -> None:
        """Let a group be recorded."""
        change = Change(self.board.mark)
        assert self.host.consent(group, interval_s=interval_s, **more).code == CHANGED
        self.note("consent", change)
        self.data.consents[group].append(Setting(1, change))

    def withdraw(self, group: str) -> None:
        """Let a group be recorded no more."""
        change = Change(self.board.mark)
        assert self.host.withdraw(group).code == DELETED
        self.note("withdrawn", change)
        self.data.consents[group].append(Setting(0, change))

    def read(self) -> None:
        """Read the newest block, which makes an entry in the ledger."""
        change = Change(self.board.mark)
        number = self.host.status()["next"] - 1
        assert self.host.fetch("records", str(number)).code == CONTENT
        self.note("export", change)
        self.board.advance(FLUSH_MS + SOON_MS)  # the end of reading is an entry, too

    def erase(self, before: int | None = None) -> None:
        """Erase the blocks that are older, or all."""
        present = self.host.status()
        change = Erasure(self.board.mark, chain=self.data.chain(present["chain"]))
        change.numbers = set(range(present["first"], present["next"]))
        answer = self.host.erase("" if before is None else f"before={before}")
        assert answer.code == DELETED
        self.note("erase", change)
        if before is not None:
            (erasure,) = answer.value["erasures"]
            change.step = erasure["step"]
            change.numbers = set(range(present["first"], self.first_of(erasure["step"])))
        self.data.erasures.append(change)
        self.board.advance(SOON_MS)

    def confirm_erased(self) -> None:
        """Say that the keys of the last erasure are destroyed."""
        erasure = self.data.erasures[-1]
        fields: dict[str, Any] = {"chain": erasure.chain.id}
        if erasure.step is not None:
            fields["step"] = erasure.step
        change = Change(self.board.mark)
        answer = self.owner.host.request(POST, ["records", "erased"], fields)
        assert answer.value["erasures"] == []
        self.note("erased", change)

    def forget_the_ledger(self) -> None:
        """Destroy the key of what the ledger's entries say."""
        change = Change(self.board.mark)
        assert self.owner.host.request(DELETE, ["ledger"]).code == DELETED
        self.note("ledger", change)

    def note(self, kind: str, change: Change) -> None:
        """Take note that the owner was told: a change is done, and an entry says so."""
        self.data.ledger.append((kind, self.told(change, self.owner.host)))

    # ---- the car ----

    def travel(self, duration_s: int, interval_s: int) -> None:
        """Drive, at another speed for each row."""
        travel(self, self.data, duration_s, interval_s)

    def command_while_a_flush_is_due(self, wish: Wish) -> None:
        """Give a command just before rows are stored: until it is confirmed nothing is."""
        self.travel(SELDOM_S, SELDOM_S)
        self.car.signals["DRV_Status"]["Speed"] = 0
        board = self.board
        left_ms = board.call("flush_ms") - board.now_ms
        board.advance(max(0, left_ms - SOON_MS))
        self.car.send()
        writes = board.call("block_writes")
        wait = partial(self.wait_without_a_write, len(board.frames))
        self.command(self.owner, wish, wait, self.obey)
        board.advance(1500)
        assert board.call("block_writes") > writes, "no flush was due"

    def wait_without_a_write(self, sent: int) -> None:
        """Wait for longer than the flush can wait; nothing is written, for a frame is out."""
        board = self.board
        assert len(board.frames) > sent, "no frame was sent"
        board.advance(4 * SOON_MS)
        assert board.mark == board.frames[sent].mark, "the flash was written during a command"

    # ---- the flash ----

    def blocks_begun(self) -> int:
        """Return how many blocks were begun."""
        return len({save.name for save, _ in self.board.saves.all() if is_rows(save.name)})

    def first_of(self, step: int) -> Mark:
        """Return the number of the first block of a step that is left, or the next one."""
        rows = self.host.fetch("records", "index", "0").value
        numbers: list[int] = [row[0] for row in rows if row[2] >= step]
        following: int = self.host.status()["next"]
        return min([*numbers, following])


def travel(driver: Any, data: DataPromises, duration_s: int, interval_s: int) -> None:
    """Let a driver's car drive, at another speed for each row; driver: with board, car, speed."""
    board, interval_ms = driver.board, interval_s * 1000
    end_ms = board.now_ms + duration_s * 1000
    while board.now_ms < end_ms:
        due_ms = (board.now_ms // interval_ms + 1) * interval_ms
        board.advance(due_ms - board.now_ms - SOON_MS)
        driver.speed = (driver.speed + 0.25) % 200
        driver.car.signals["DRV_Status"]["Speed"] = driver.speed
        driver.car.send(*SENT)
        data.speeds.setdefault(due_ms, set()).add(driver.speed)
        board.advance(SOON_MS)


def is_rows(name: str) -> bool:
    """Tell whether a record is a block of rows."""
    return name.startswith("block-") and name[6:].isdigit()
