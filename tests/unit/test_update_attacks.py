"""What hostile packages, a failing flash, and rivals with keys can do to updates."""

import pytest

from firmware.slots import CONFIRMED, TRIES
from gateway.coap.numbers import (
    CHANGED,
    CONTENT,
    CONTINUE,
    FORBIDDEN,
    GET,
    PUT,
    REQUEST_ENTITY_INCOMPLETE,
    UNPROCESSABLE_ENTITY,
)
from gateway.data.ledger import Ledger
from tests.models.host import Host
from tests.models.slot_board import (
    CAPACITY,
    PIECE,
    SlotBoard,
    activate,
    hash_of,
    make,
    put,
    send,
    told,
)
from tests.power.chip import BLOCK_BYTES

A, B = 1, 2


@pytest.fixture
def board() -> SlotBoard:
    return SlotBoard()


@pytest.fixture
def owner(board: SlotBoard) -> Host:
    return Host.pair(board.shell)


def reboot(board: SlotBoard, owner: Host) -> SlotBoard:
    board = board.reboot()
    owner.shell = board.shell
    return board


def install(board: SlotBoard, owner: Host, content: bytes) -> SlotBoard:
    """Let the board run a package, confirmed."""
    send(owner, content)
    assert activate(owner, content).code == CHANGED
    board = reboot(board, owner)
    assert board.is_trial
    board.prove()
    return reboot(board, owner)


class FailsOnce:
    """Lets one operation of a kind fail, after so many."""

    def __init__(self, operation: str, become: str, after: int) -> None:
        self._operation = operation
        self._become = become
        self.left = after

    def __call__(self, operation: str, address: int) -> str:
        if operation != self._operation:
            return ""
        self.left -= 1
        return self._become if self.left == -1 else ""


def bring(owner: Host, content: bytes) -> bool:
    """Send what the board lacks of a package, and start it; tell whether it says that it will."""
    answer = owner.request(GET, ["update"])
    if answer.code != CONTENT:
        return False
    receiving = answer.value.get("receiving", {})
    first = receiving["received"] // PIECE if receiving.get("sha256") == hash_of(content) else 0
    for num in range(first, -(-len(content) // PIECE)):
        if put(owner, content, num).code >> 5 != 2:
            return False
    return activate(owner, content).code == CHANGED


def test_a_file_system_that_cannot_be_mounted_costs_the_one_before_nothing(
    board: SlotBoard, owner: Host
) -> None:
    board = install(board, owner, make(seed=1))
    hostile = make(seed=2, begin=b"")
    send(owner, hostile)
    assert activate(owner, hostile).code == CHANGED
    for _ in range(4):
        board = reboot(board, owner)
        assert (board.slot, board.is_trial) == (A, False)
    assert (board.slots.active, board.slots.tries) == (A, CONFIRMED)
    assert told(owner)["rolled_back"] == "its package was damaged in the flash"


def test_a_record_that_cannot_be_written_costs_the_one_before_nothing(
    board: SlotBoard, owner: Host
) -> None:
    board = install(board, owner, make(seed=1))
    send(owner, make(seed=2))
    activate(owner, make(seed=2))
    flash = board.flash
    flash.fault = lambda operation, address: (
        "raises" if operation != "read" and address < 2 * BLOCK_BYTES else ""
    )
    board = reboot(board, owner)
    assert (board.slot, board.is_trial) == (A, False)
    state = told(owner)
    assert (state["running"], state["trial"]) == ("a", False)
    before = flash.content(A)
    put(owner, make(seed=3), 0)
    flash.fault = lambda operation, address: ""
    assert put(owner, make(seed=3), 0).code == CONTINUE
    assert flash.content(A) == before, "it wrote over what runs"
    board = reboot(board, owner)
    assert (board.slot, board.is_trial) == (A, False)


@pytest.mark.parametrize("operation", ["program", "erase"])
@pytest.mark.parametrize("become", ["raises", "fails", "is lost"])
def test_a_start_that_cannot_be_recorded_can_be_asked_for_again(
    board: SlotBoard, owner: Host, operation: str, become: str
) -> None:
    content = make()
    send(owner, content)
    flash = board.flash
    flash.fault = lambda asked, address: (
        become if asked == operation and address < 2 * BLOCK_BYTES else ""
    )
    first = activate(owner, content)
    flash.fault = lambda asked, address: ""
    if first.code != CHANGED:
        put(owner, content, 0)
        send(owner, content)
        assert activate(owner, content).code == CHANGED
    board = reboot(board, owner)
    assert (board.slot, board.is_trial) == (A, True)


@pytest.mark.parametrize(
    ("operation", "become", "step"),
    [
        ("program", "raises", 1),
        ("program", "fails", 1),
        ("program", "is lost", 1),
        ("erase", "raises", 1),
        ("erase", "fails", 1),
        ("erase", "is lost", 1),
        ("read", "raises", 13),
    ],
)
def test_each_operation_of_the_flash_may_fail_once(operation: str, become: str, step: int) -> None:
    """Its owner tries again until the board says that it starts; meanwhile runs what ran."""
    before, after = make(9000, seed=1), make(5000, seed=2)
    tried = 0
    is_over = False
    while not is_over:
        board = SlotBoard()
        owner = Host.pair(board.shell)
        board = install(board, owner, before)
        fault = FailsOnce(operation, become, tried * step)
        board.flash.fault = fault
        for _ in range(3):
            is_told = bring(owner, after)
            board = reboot(board, owner)
            if (board.slot, board.is_trial) == (B, True):
                break
            assert (board.slot, board.is_trial) == (A, False)
        assert board.slot == B
        assert is_told
        is_over = fault.left >= 0
        tried += 1
    assert tried > 2


@pytest.mark.parametrize("size", [9000, 8192, 8192 + PIECE, CAPACITY - 1, CAPACITY])
def test_there_is_nothing_behind_the_last_block(board: SlotBoard, owner: Host, size: int) -> None:
    content = make(size)
    send(owner, content)
    after = -(-size // PIECE)
    before = bytes(board.flash.chip.image)
    for more in (False, True):
        for piece in (b"", bytes(PIECE)):
            answer = put(owner, content, after, more=more, piece=piece)
            assert answer.code == REQUEST_ENTITY_INCOMPLETE
    assert board.flash.chip.image == before
    assert activate(owner, content).code == CHANGED
    assert reboot(board, owner).slot == A


def test_what_the_ledger_has_no_room_for_does_not_start(
    board: SlotBoard, owner: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(*entry: object) -> int:
        raise MemoryError

    send(owner, make())
    with monkeypatch.context() as full:
        full.setattr(Ledger, "add", add)
        with pytest.raises(MemoryError):
            activate(owner, make())
    board = reboot(board, owner)
    assert board.slot == 0
    assert activate(owner, make()).code == CHANGED


def test_a_recorded_request_and_a_drivers_prove_nothing(board: SlotBoard, owner: Host) -> None:
    driver = owner.enrol(name="bob", role="driver")
    asked = [owner.protect(GET, ["update"]) for _ in range(2)]
    owner.send(asked[0])
    board = reboot(board, owner)
    driver.shell = board.shell
    gateway = board.shell.gateway
    for data in asked:
        for peer in (owner.peer, "elsewhere"):
            board.shell.receive_datagram(data, peer)
    board.shell.datagrams.clear()
    assert driver.request(GET, ["lock"]).code == CONTENT
    assert not gateway.has_proven_itself
    assert owner.request(GET, ["update"]).code == CONTENT
    assert gateway.has_proven_itself


def test_whoever_is_no_owner_loads_nothing(board: SlotBoard, owner: Host) -> None:
    for role in ("driver", "viewer"):
        other = owner.enrol(name=role, role=role)
        assert put(other, make(), 0).code == FORBIDDEN
        assert activate(other, make()).code == FORBIDDEN
        assert other.request(PUT, ["update"], b"x").code == FORBIDDEN
    assert board.opened == 0


def give_up(board: SlotBoard, owner: Host, content: bytes) -> SlotBoard:
    """Let a package fail its trial."""
    send(owner, content)
    assert activate(owner, content).code == CHANGED
    for _ in range(TRIES + 1):
        board = reboot(board, owner)
    assert not board.is_trial
    return board


def test_what_failed_its_trial_is_known_to_be_whole(board: SlotBoard, owner: Host) -> None:
    """To hash it would hold up a command, at the first question after each start."""
    content = make(CAPACITY)
    board = give_up(board, owner, content)
    operations = 0

    def count(operation: str, address: int) -> str:
        nonlocal operations
        operations += 1
        return ""

    board.flash.fault = count
    state = told(owner)
    assert state["rolled_back"]
    assert state["receiving"]["received"] == len(content)
    assert operations < CAPACITY / PIECE / 2, "it read all of it"
    board.flash.chip.image[3 * BLOCK_BYTES] ^= 1
    assert activate(owner, content).code == UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("blocks", [1, 2, 9, 12])
def test_what_comes_after_one_that_failed_is_an_update_of_its_own(
    board: SlotBoard, owner: Host, blocks: int
) -> None:
    board = give_up(board, owner, make(CAPACITY, seed=1))
    content = make(CAPACITY, seed=2)
    for num in range(blocks):
        assert put(owner, content, num).code == CONTINUE
    assert "rolled_back" not in told(owner)
    board = reboot(board, owner)
    state = told(owner)
    assert "rolled_back" not in state
    received = state.get("receiving", {"received": 0})["received"]
    assert received == (blocks * PIECE - 1) // BLOCK_BYTES * BLOCK_BYTES
    assert bring(owner, content)
