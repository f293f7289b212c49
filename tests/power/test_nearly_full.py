"""The records on a flash that is nearly full, the real littlefs: they make room for the rest."""

from typing import Any

from gateway.coap.numbers import CHANGED, PUT
from gateway.data.keeper import RESERVE_BYTES
from tests.models.data_host import DataHost
from tests.models.records import check_order
from tests.power.board import VmBoard
from tests.power.data_session import OFTEN_S, DataSession, is_rows
from tests.power.nonces import Nonces
from tests.power.session import LOCK, MONDAY_S, UNLOCK, Wish
from tests.vm import VM

BLOCKS = 40  # of the file system: 160 KiB
LEFT_BYTES = RESERVE_BYTES // 2  # below the reserve by some blocks at most
DRIVES = 14
DRIVE_S = 240
WISHES = (LOCK, UNLOCK)


class Driver(DataSession):
    """Drives, and commands, on a small flash."""

    def begin(self) -> None:
        """Let it record all that it can."""
        self.board.make(False, BLOCKS)
        self.reboot()
        self.owner = self.pair("ann")
        self.host = DataHost(self.owner.host)
        self.arm(self.owner)
        self.tell_time(self.owner, MONDAY_S)
        settings = {"region": "DE"}
        assert self.owner.host.request(PUT, ["settings"], settings).code == CHANGED
        self.fetch_key()
        for group in ("driving", "climate", "location"):
            self.consent(group, OFTEN_S)
        self.reboot()

    def lock(self, wish: Wish) -> str:
        """Give a command, and return how it ended."""
        self.car.signals["DRV_Status"]["Speed"] = 0
        self.car.send()
        return self.command(self.owner, wish, self.obey).state

    def free_bytes(self) -> int:
        free: int = self.board.call("free_bytes")
        return free

    def numbers(self) -> list[int]:
        """Return the numbers of the blocks that are stored."""
        names = [name for name, _ in self.board.call("stored")]
        return sorted(int(name[6:]) for name in names if is_rows(name))


def driver(vm: VM) -> Driver:
    ready = Driver(VmBoard(vm, Nonces()))
    ready.begin()
    return ready


def test_the_oldest_blocks_go_before_the_flash_is_full(machine: VM) -> None:
    board = driver(machine)
    free_bytes = []
    for count in range(DRIVES):
        board.travel(DRIVE_S, OFTEN_S)
        assert board.lock(WISHES[count % 2]) == "confirmed"
        free_bytes.append(board.free_bytes())
    assert free_bytes[0] > RESERVE_BYTES
    assert min(free_bytes) > LEFT_BYTES
    assert not [line for line in board.board.logs if "failed" in line]
    numbers = board.numbers()
    assert numbers[0] > 1
    assert numbers == list(range(numbers[0], board.host.status()["next"]))
    check_order(board.host.blocks())


def test_what_records_stops_when_others_have_filled_the_flash(machine: VM) -> None:
    board = driver(machine)
    board.travel(DRIVE_S, OFTEN_S)
    board.board.call("fill", LEFT_BYTES)
    for count in range(DRIVES // 2):
        board.travel(DRIVE_S, OFTEN_S)
        assert board.lock(WISHES[count % 2]) == "confirmed"
    assert board.numbers()[0] > 1
    assert len(board.numbers()) <= 2
    written: Any = board.board.call("block_writes")
    board.travel(DRIVE_S, OFTEN_S)
    assert board.board.call("block_writes") == written
    assert board.free_bytes() > LEFT_BYTES // 2
    assert not [line for line in board.board.logs if "failed" in line]
