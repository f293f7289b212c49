"""A flash chip that stops all for 200 ms: commands are confirmed, and none acts twice or late.

An ESP32 runs from the chip that it writes to, so nothing else happens while a block is erased: the
car's frames must have room in the controller's FIFO. Each receipt that is kept erases a block, so
climate commands, which the car confirms at once, put stalls in the middle of locking and
unlocking. What was erased is seen in the image, where a bit becomes 1 by erasure only.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import can
import pytest
from cantools.database.can import Message

from carport.car.cars import make_car
from carport.car.runner import Runner
from tests.car_rig import PROFILE, load_database
from tests.hub import HubThread, running_hub
from tests.system.board_on_hub import Board

ERASE_MS = 200
FIFO_FRAMES = 32
CHANNELS = {"body": "can0", "powertrain": "can1"}
COUNT, PERIOD_MS, DEADLINE_MS = 5, 100, 300  # of both commands, in the profile
DATABASE = load_database()
OURS = DATABASE.get_message_by_name("GW_BodyCommand")
DOORS = DATABASE.get_message_by_name("BODY_DoorStatus")
IS_LOCKED = {"lock": "Locked", "unlock": "Unlocked"}
BLOCK_BYTES, BLOCKS = 4096, 512


class SlowBoard(Board):
    """A board whose flash takes its time, and is full of what nobody needs."""

    def __init__(self, hub: HubThread, folder: Path, erase_ms: int) -> None:
        super().__init__(hub, folder)
        self._settings["erase_ms"] = erase_ms
        self._image = folder / "flash.img"
        self._image.write_bytes(bytes(BLOCKS * BLOCK_BYTES))

    def flash_blocks(self) -> list[bytes]:
        """Return what the chip holds."""
        image = self._image.read_bytes()
        return [image[i : i + BLOCK_BYTES] for i in range(0, len(image), BLOCK_BYTES)]

    def carry_out_with_climate(self, command: str) -> dict[str, Any]:
        """Switch the climate on and off while a command is carried out; return its receipt."""
        command_id = self.begin(command)
        for is_on in (True, False):
            assert self.carry_out("climate", "climate", on=is_on)["state"] == "confirmed"
        return self.end(command_id)


class Act(NamedTuple):
    """What was heard of one command: our frames' times, and when the car first showed it done."""

    command: str
    sent_s: list[float]
    shown_s: float


@pytest.fixture
def hub(needs_vm: None) -> Iterator[HubThread]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def car(hub: HubThread) -> Iterator[Runner]:
    runner = Runner(
        make_car(PROFILE, seed=1),
        lambda name: hub.client(CHANNELS[name]),
        lambda duration_ms: None,
    )
    runner.start()
    yield runner
    runner.stop()


def count_erased(before: list[bytes], after: list[bytes]) -> int:
    """Return how many blocks were erased, at least."""
    return sum(
        int.from_bytes(new, "big") & ~int.from_bytes(old, "big") != 0
        for old, new in zip(before, after, strict=True)
        if old != new
    )


def heard_acts(node: can.BusABC) -> list[Act]:
    """Return the commands of all that a node has heard: frames that ask for the same are one."""
    frames: list[can.Message] = []
    while (frame := node.recv(0.2 if not frames else 0)) is not None:
        if frame.arbitration_id in (OURS.frame_id, DOORS.frame_id):
            frames.append(frame)
    asked = [
        (signals(OURS, frame)["LockRequest"].lower(), frame.timestamp)
        for frame in frames
        if frame.arbitration_id == OURS.frame_id
    ]
    acts = []
    for command, group in groupby(asked, key=lambda each: each[0]):
        sent_s = [time_s for _, time_s in group]
        shown_s = next(
            frame.timestamp
            for frame in frames
            if frame.arbitration_id == DOORS.frame_id
            and frame.timestamp > sent_s[0]
            and is_shown(command, frame)
        )
        acts.append(Act(command, sent_s, shown_s))
    return acts


def is_shown(command: str, frame: can.Message) -> bool:
    """Tell whether all locks in the car's frame are as the command wants them."""
    told = signals(DOORS, frame)
    return {told[name] for name in told if name.startswith("Lock")} == {IS_LOCKED[command]}


def signals(message: Message, frame: can.Message) -> dict[str, str]:
    """Return the signals in a frame, by name."""
    decoded = message.decode(bytes(frame.data))
    assert isinstance(decoded, dict)
    return {name: str(value) for name, value in decoded.items()}


def test_twenty_commands_between_stalls_of_200_ms(
    hub: HubThread, car: Runner, tmp_path: Path
) -> None:
    commands = ["unlock", "lock"] * 10
    with SlowBoard(hub, tmp_path, ERASE_MS) as board, hub.client() as node:
        receipts, erased = [], []
        for command in commands:
            before = board.flash_blocks()
            receipts.append(board.carry_out_with_climate(command))
            erased.append(count_erased(before, board.flash_blocks()))
        bus = board.body_bus()
        acts = heard_acts(node)
    assert [each["state"] for each in receipts] == ["confirmed"] * len(commands)
    assert min(erased) >= 2

    assert bus["overruns"] == 0
    assert 20 < bus["frames_per_second"] < FIFO_FRAMES * 1000 / ERASE_MS

    assert [each.command for each in acts] == commands  # none acts twice
    waits_ms = []
    for receipt, act in zip(receipts, acts, strict=True):
        at_ms = receipt["at_ms"]
        assert at_ms["sent"] <= DEADLINE_MS
        assert len(act.sent_s) <= COUNT
        for earlier_s, later_s in pairwise(act.sent_s):
            assert later_s - earlier_s < (PERIOD_MS + ERASE_MS + DEADLINE_MS) / 1000
        waits_ms.append(at_ms["confirmed"] - at_ms["sent"] - 1000 * (act.shown_s - act.sent_s[0]))
    assert max(waits_ms) > ERASE_MS / 4  # some confirming frame waited in the FIFO


def test_a_stall_too_long_for_the_fifo_is_counted_and_the_next_frame_confirms(
    hub: HubThread, car: Runner, tmp_path: Path
) -> None:
    with SlowBoard(hub, tmp_path, 1500) as board:
        overruns = board.body_bus()["overruns"]  # from pairing, which stores a lot
        assert board.carry_out_with_climate("unlock")["state"] == "confirmed"
        assert board.body_bus()["overruns"] > overruns
