"""`/update`: what is taken, what is refused, and what a lost answer, a reboot or a rival changes.

The core and the writer of the slots are the real ones, on a flash chip in RAM.
"""

from random import Random
from typing import Any

import pytest

from firmware.crash_log import CrashLog
from firmware.slot_writer import SlotWriter
from firmware.slots import CONFIRMED, FACTORY, TRIES, UNPROVEN, Slots
from gateway import cbor
from gateway.coap import block
from gateway.coap.numbers import (
    BAD_REQUEST,
    BLOCK1,
    CHANGED,
    CONFLICT,
    CONTENT,
    CONTINUE,
    ECHO,
    FORBIDDEN,
    GET,
    INTERNAL_SERVER_ERROR,
    MAX_AGE,
    POST,
    PUT,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
    UNPROCESSABLE_ENTITY,
    URI_QUERY,
)
from tests.models.data_host import DataHost
from tests.models.host import Host, Response
from tests.models.packages import package_of
from tests.models.records import open_entry
from tests.models.shell import Shell
from tests.power.chip import BLOCK_BYTES, Chip, Partition

PIECE = 512
SLOT_BLOCKS = 4
CAPACITY = SLOT_BLOCKS * BLOCK_BYTES
FORCE = [(URI_QUERY, b"force")]


class Crashes(CrashLog):
    """What is known of crashes, without storage."""


class Board:
    """A shell whose board has slots on a chip that outlives a reboot."""

    def __init__(self, storage: dict[str, bytes] | None = None, chip: Chip | None = None) -> None:
        self.chip = Chip(2 + 2 * SLOT_BLOCKS) if chip is None else chip
        self.shell = Shell({} if storage is None else storage)
        self.crashes = Crashes()
        self.opened = 0
        self.running = self.slots().active
        self.shell.gateway.attach_updates(self._open)

    def reboot(self) -> "Board":
        return Board(self.shell.storage, self.chip)

    def slots(self) -> Slots:
        boot = Partition(self.chip, 0, 2)
        a = Partition(self.chip, 2, SLOT_BLOCKS)
        return Slots(boot, (a, Partition(self.chip, 2 + SLOT_BLOCKS, SLOT_BLOCKS)))

    def _open(self) -> SlotWriter:
        self.opened += 1
        return SlotWriter(self.slots(), "emulator", self.crashes, self.running)


def make(size: int = 9000, seed: int = 1, **fields: Any) -> bytes:
    """Return a package with a payload of noise, which this interpreter could run."""
    return package_of(Random(seed).randbytes(size), **{"mpy": SlotWriter.mpy, **fields})


def sha256(package: bytes) -> bytes:
    hash_: bytes = cbor.Reader(package[7:]).item(cbor.MAX_NESTING)["sha256"]
    return hash_


def put(host: Host, package: bytes, num: int, query: list[tuple[int, bytes]] | None = None) -> Any:
    """Send a block, and return its answer."""
    piece = package[num * PIECE : (num + 1) * PIECE]
    option = (BLOCK1, block.encode(num, (num + 1) * PIECE < len(package), 5))
    return host.request(PUT, ["update"], piece, options=[option, *(query or [])])


def blocks(package: bytes) -> range:
    return range(-(-len(package) // PIECE))


def send(host: Host, package: bytes, first: int = 0) -> None:
    """Send all blocks from one on."""
    for num in blocks(package)[first:]:
        assert put(host, package, num).code == (
            CHANGED if num == blocks(package)[-1] else CONTINUE
        ), num


def state(host: Host) -> dict[str, Any]:
    response = host.request(GET, ["update"])
    assert response.code == CONTENT
    value: dict[str, Any] = response.value
    return value


def received(host: Host) -> int | None:
    receiving = state(host).get("receiving")
    return receiving and receiving["received"]


def start(host: Host, package: bytes, options: list[tuple[int, bytes]] | None = None) -> Response:
    return host.request(POST, ["update"], {"sha256": sha256(package)}, options=options or [])


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def owner(board: Board) -> Host:
    return Host.pair(board.shell)


def test_a_package_lies_in_the_slot_byte_for_byte_and_starts_on_trial(
    board: Board, owner: Host
) -> None:
    package = make()
    assert state(owner) == {
        "version": "0.1.0",
        "board": "emulator",
        "running": "factory",
        "trial": False,
    }
    send(owner, package)
    begin = 2 * BLOCK_BYTES
    assert bytes(board.chip.image[begin : begin + len(package)]) == package
    assert state(owner)["receiving"] == {
        "sha256": sha256(package),
        "size": len(package),
        "received": len(package),
    }
    assert start(owner, package).code == CHANGED
    slots = board.slots()
    assert (slots.active, slots.previous, slots.tries) == (1, FACTORY, TRIES)
    assert not board.shell.gateway.wants_restart
    board.shell.advance(1000)
    assert board.shell.gateway.wants_restart
    assert put(owner, package, 0).code == SERVICE_UNAVAILABLE


def test_nothing_is_loaded_before_somebody_asks(board: Board, owner: Host) -> None:
    assert owner.request(GET, ["system"]).code == CONTENT
    assert board.opened == 0
    state(owner)
    state(owner)
    assert board.opened == 1


def test_without_a_place_for_slots_the_owner_is_told(board: Board, owner: Host) -> None:
    def open_writer() -> SlotWriter:
        raise OSError("there is no partition carport_boot: run `carport flash`")

    board.shell.gateway.attach_updates(open_writer)
    response = owner.request(GET, ["update"])
    assert response.code == SERVICE_UNAVAILABLE
    assert b"run `carport flash`" in response.payload


def test_without_room_in_the_heap_the_board_starts_anew(board: Board, owner: Host) -> None:
    def open_writer() -> SlotWriter:
        raise MemoryError

    board.shell.gateway.attach_updates(open_writer)
    assert owner.request(GET, ["update"]).code == SERVICE_UNAVAILABLE
    board.shell.advance(1000)
    assert board.shell.gateway.wants_restart


def test_a_block_whose_answer_was_lost_is_answered_again(board: Board, owner: Host) -> None:
    package = make()
    for num in blocks(package):
        first, again = put(owner, package, num), put(owner, package, num)
        assert (first.code, first.option(BLOCK1)) == (again.code, again.option(BLOCK1))
    assert received(owner) == len(package)
    erasures = [data for _, data in board.chip.journal if data is None]
    assert len(erasures) == 0, "an erased chip is not erased again"


def test_blocks_out_of_order_change_nothing(board: Board, owner: Host) -> None:
    package = make()
    assert put(owner, package, 1).code == REQUEST_ENTITY_INCOMPLETE
    assert put(owner, package, 0).code == CONTINUE
    assert put(owner, package, 2).code == REQUEST_ENTITY_INCOMPLETE
    assert put(owner, make(seed=2), 3).code == REQUEST_ENTITY_INCOMPLETE
    assert put(owner, package, 1).code == CONTINUE
    assert put(owner, make(seed=2), 1).code == REQUEST_ENTITY_INCOMPLETE
    assert received(owner) == 2 * PIECE


def test_a_block_that_is_not_the_packages_is_refused(owner: Host) -> None:
    package = make(1000)
    put(owner, package, 0)
    for piece, more in ((package[512:1000], True), (package[512:1024], False), (b"", True)):
        option = (BLOCK1, block.encode(1, more, 5))
        assert owner.request(PUT, ["update"], piece, options=[option]).code == BAD_REQUEST
    for szx in (4, 6):
        option = (BLOCK1, block.encode(1, True, szx))
        response = owner.request(PUT, ["update"], package[512:1024], options=[option])
        assert response.code == REQUEST_ENTITY_TOO_LARGE
        assert block.decode(response.option(BLOCK1) or b"") == (1, True, 5)
    assert owner.request(PUT, ["update"], package[:512]).code == BAD_REQUEST
    assert received(owner) == PIECE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"board": "t-2can"}, "it is for the board t-2can, and this is emulator"),
        ({"mpy": 7}, f"it is for another MicroPython (mpy 7, not {SlotWriter.mpy})"),
        ({"version": "0.0.9"}, "it is older than 0.1.0, which runs: force it, over the cable"),
        (
            {"size": CAPACITY - 511},
            f"it has {CAPACITY + 1} bytes, and there is room for {CAPACITY}",
        ),
    ],
)
def test_what_is_not_for_this_board_is_refused_before_it_is_written(
    board: Board, owner: Host, fields: dict[str, Any], reason: str
) -> None:
    response = put(owner, make(**fields), 0)
    assert (response.code, response.payload.decode()) == (CONFLICT, reason)
    assert "receiving" not in state(owner)
    assert board.chip.journal == []


def test_an_older_one_needs_force_and_the_cable(board: Board, owner: Host) -> None:
    old = make(1000, version="0.0.9")
    assert put(owner, old, 0, FORCE).code == CONFLICT
    owner.on_cable = True
    assert put(owner, old, 0).code == CONFLICT
    assert put(owner, old, 0, FORCE).code == CONTINUE
    send(owner, old, 1)
    assert start(owner, old).code == CONFLICT
    assert start(owner, old, FORCE).code == CHANGED


def test_with_frozen_code_only_its_own_version_comes(
    owner: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlotWriter, "is_frozen", True)
    assert put(owner, make(version="0.2.0"), 0).payload.decode() == (
        "this board's code, 0.1.0, is part of its MicroPython: flash it"
    )
    assert put(owner, make(), 0).code == CONTINUE


@pytest.mark.parametrize("num", range(2))
def test_only_the_first_block_has_to_be_fresh(owner: Host, num: int) -> None:
    package = make()
    for before in range(num):
        put(owner, package, before)
    piece = package[num * PIECE : (num + 1) * PIECE]
    option = (BLOCK1, block.encode(num, True, 5))
    owner.send(owner.protect(PUT, ["update"], piece, options=[option]))
    response = owner.responses()[-1]
    assert response.code == (UNAUTHORIZED if num == 0 else CONTINUE)
    assert (response.option(ECHO) is not None) == (num == 0)


def test_the_start_has_to_be_fresh(board: Board, owner: Host) -> None:
    package = make(1000)
    send(owner, package)
    owner.send(owner.protect(POST, ["update"], {"sha256": sha256(package)}))
    assert owner.responses()[-1].code == UNAUTHORIZED
    assert board.slots().active == FACTORY


@pytest.mark.parametrize("role", ["driver", "viewer"])
def test_only_owners_may(owner: Host, role: str) -> None:
    other = owner.enrol(name="bob", role=role)
    assert other.request(GET, ["update"]).code == FORBIDDEN
    assert put(other, make(), 0).code == FORBIDDEN
    assert start(other, make()).code == FORBIDDEN


def test_what_arrived_wrong_is_thrown_away(board: Board, owner: Host) -> None:
    package = make(sha256=bytes(32))
    for num in blocks(package)[:-1]:
        assert put(owner, package, num).code == CONTINUE
    assert put(owner, package, blocks(package)[-1]).code == UNPROCESSABLE_ENTITY
    assert "receiving" not in state(owner)
    owner.shell = board.reboot().shell
    assert "receiving" not in state(owner)


def test_what_was_damaged_meanwhile_does_not_start(board: Board, owner: Host) -> None:
    package = make()
    send(owner, package)
    board.chip.image[2 * BLOCK_BYTES + 6000] ^= 1
    assert start(owner, package).code == UNPROCESSABLE_ENTITY
    assert board.slots().active == FACTORY


def test_only_what_has_arrived_starts(board: Board, owner: Host) -> None:
    package = make()
    put(owner, package, 0)
    assert start(owner, package).code == CONFLICT
    assert start(owner, make(seed=2)).code == CONFLICT
    wrong: list[Any] = [{}, {"sha256": b""}, {"sha256": 1}, {"sha256": bytes(32), "x": 1}, []]
    for payload in wrong:
        assert owner.request(POST, ["update"], payload).code == BAD_REQUEST
    assert board.slots().active == FACTORY


@pytest.mark.parametrize("sent", range(1, 19))
def test_after_a_reboot_it_goes_on_where_the_flash_ends(sent: int) -> None:
    board = Board()
    package = make()
    assert len(blocks(package)) == 19
    owner = Host.pair(board.shell)
    for num in blocks(package)[:sent]:
        put(owner, package, num)
    begin = 2 * BLOCK_BYTES
    last = begin + (sent - 1) * PIECE
    board.chip.image[last + 100 : last + PIECE] = b"\xff" * (PIECE - 100)  # it was torn
    board = board.reboot()
    owner.shell = board.shell
    found = received(owner)
    if sent <= 8:
        assert found is None
        found = 0
    else:
        assert found == (sent - 1) // 8 * BLOCK_BYTES
    send(owner, package, found // PIECE)
    assert bytes(board.chip.image[begin : begin + len(package)]) == package


def test_the_rest_of_an_older_package_does_not_count(board: Board, owner: Host) -> None:
    older = make(3 * BLOCK_BYTES, seed=2)
    send(owner, older)
    package = make(3 * BLOCK_BYTES)
    for num in range(10):
        assert put(owner, package, num).code == CONTINUE
    board = board.reboot()
    owner.shell = board.shell
    assert received(owner) == BLOCK_BYTES
    send(owner, package, 8)
    assert start(owner, package).code == CHANGED


def test_each_request_erases_one_sector_at_most(board: Board, owner: Host) -> None:
    board.chip.image[:] = bytes(len(board.chip.image))
    package = make(3 * BLOCK_BYTES)
    for num in blocks(package):
        board.chip.journal.clear()
        put(owner, package, num)
        assert [data for _, data in board.chip.journal].count(None) <= 1, num


def test_one_owner_sends_at_a_time(board: Board, owner: Host) -> None:
    package, other = make(), make(seed=2)
    rival = owner.enrol(name="bob", role="owner")
    put(owner, package, 0)
    board.shell.advance(30_000)
    response = put(rival, other, 0)
    assert response.code == SERVICE_UNAVAILABLE
    assert int.from_bytes(response.option(MAX_AGE) or b"", "big") == 91
    assert put(owner, package, 1).code == CONTINUE
    board.shell.advance(120_000)
    assert put(rival, other, 0).code == CONTINUE
    assert put(owner, package, 2).code == SERVICE_UNAVAILABLE
    send(rival, other, 1)


def test_nothing_is_written_while_a_command_is_under_way(board: Board, owner: Host) -> None:
    package = make()
    board.shell.acknowledges_frames = False
    owner.post("lock", owner.command("lock"))
    written = len(board.chip.journal)
    response = put(owner, package, 0)
    assert response.code == SERVICE_UNAVAILABLE
    assert len(board.chip.journal) == written
    board.shell.acknowledges_frames = True
    board.shell.advance(30_000)
    board.shell.datagrams.clear()
    assert put(owner, package, 0).code == CONTINUE


def test_a_flash_that_cannot_be_written_is_said(
    board: Board, owner: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make()
    put(owner, package, 0)
    monkeypatch.setattr(Partition, "writeblocks", lambda *_: -5)
    assert put(owner, package, 1).code == INTERNAL_SERVER_ERROR
    monkeypatch.undo()
    assert put(owner, package, 2).code == REQUEST_ENTITY_INCOMPLETE
    send(owner, package)


def test_what_ran_before_is_no_package_that_arrives(board: Board, owner: Host) -> None:
    """Else an older firmware could be started again without the cable."""
    first, second, third = make(seed=1), make(seed=2), make(seed=3)
    for package, running in ((first, "a"), (second, "b")):
        slots = board.slots()
        slots.tries = CONFIRMED
        slots.save()
        send(owner, package)
        assert start(owner, package).code == CHANGED
        board = board.reboot()
        owner.shell = board.shell
        told = state(owner)
        assert (told["running"], told["sha256"]) == (running, sha256(package))
        assert told["trial"]
        assert put(owner, third, 0).payload.startswith(b"this version is on trial")
        slots = board.slots()
        slots.tries = CONFIRMED
        slots.save()
        board = board.reboot()
        owner.shell = board.shell
        assert state(owner)["trial"] is False
    assert "receiving" not in state(owner)
    assert start(owner, first).code == CONFLICT
    assert board.slots().previous == 1
    assert put(owner, third, 0).code == CONTINUE
    assert board.slots().previous == FACTORY


@pytest.mark.parametrize(
    ("crashes", "reason"),
    [
        ({"count": 5, "reason": "OSError: 5"}, "it did not prove itself: OSError: 5"),
        (
            {"count": 4, "reason": "long ago"},
            "it did not prove itself: it did not start, or its power was cut",
        ),
        (None, "it did not prove itself: it did not start, or its power was cut"),
    ],
)
def test_the_owner_is_told_why_it_went_back(
    board: Board, owner: Host, crashes: dict[str, Any] | None, reason: str
) -> None:
    package = make()
    send(owner, package)
    slots = board.slots()
    slots.activate(1, FACTORY, 4)
    slots.go_back(UNPROVEN)
    board = board.reboot()
    board.crashes.last = crashes
    owner.shell = board.shell
    told = state(owner)
    assert (told["running"], told["rolled_back"]) == ("factory", reason)
    assert start(owner, package).code == CHANGED  # it may be tried again
    owner.shell = board.reboot().shell
    assert "rolled_back" not in state(owner)


def test_a_start_stands_in_the_ledger(board: Board) -> None:
    ann = DataHost.ready(board.shell)
    package = make(1000)
    send(ann.host, package)
    start(ann.host, package)
    number, sealed, _ = ann.ledger()[1][-1]
    entry = open_entry(ann.keys["detail_key"], number, sealed)
    assert entry[2:] == ["update", "ann", {"version": "0.1.0", "sha256": sha256(package)}]
