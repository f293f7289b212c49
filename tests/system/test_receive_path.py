"""Receiving a frame takes nothing from the heap, in the VM, from the core's door to its state."""

from pathlib import Path

import pytest

from carport.profile import compile_to_file
from gateway import cbor
from tests.car_rig import PROFILE, Rig
from tests.vm import run_script

SCRIPT = Path(__file__).with_name("receive_frames.py")
FRAMES = 2000
EXTENDED, REMOTE = 2, 1  # machine.CAN's flags


@pytest.fixture(scope="module")
def frames() -> list[tuple[int, bytes]]:
    """What the car sends while it drives, with whatever changes meanwhile."""
    rig = Rig()
    rig.ask("drive", kph=50, seconds=60)
    sent: list[tuple[int, bytes]] = []
    while len(sent) < FRAMES:
        sent += [
            (rig.database.get_message_by_name(each.name).frame_id, each.data)
            for each in rig.run(5)
            if each.bus == "body"
        ]
    return sent[:FRAMES]


@pytest.mark.usefixtures("vm")
def test_receiving_takes_nothing_from_the_heap(
    frames: list[tuple[int, bytes]], tmp_path: Path
) -> None:
    kinds = {
        "accepted": [[each, data, 0] for each, data in frames],
        "changed_on_the_way": [[each, data[:-1] + b"\xff", 0] for each, data in frames],
        "cut_off": [[each, data[:-1], 0] for each, data in frames],
        "extended": [[each, data, EXTENDED] for each, data in frames],
        "repeated": [[*frames[0], 0]] * FRAMES,
        "remote": [[each, b"", REMOTE] for each, _ in frames],
        "strange": [[each + 1024, data, 0] for each, data in frames],
    }
    (tmp_path / "frames.cbor").write_bytes(cbor.encode(kinds))
    files = [str(compile_to_file(PROFILE, tmp_path)), str(tmp_path / "frames.cbor")]
    lines = run_script(SCRIPT, heapsize="32m", args=files).splitlines()
    told = dict(line.split(" ", 1) for line in lines)
    _, allocated, locked, quiet = told.pop("control").split()
    assert int(allocated) > 0
    assert (locked, quiet) == ("MemoryError", "collected")
    assert told == {
        "accepted": "accepted 0 ok ok",
        "changed_on_the_way": "bad_checksum 0 ok ok",
        "cut_off": "wrong_length 0 ok ok",
        "extended": "unknown_id 0 ok ok",
        "repeated": "repeated_counter 0 ok ok",
        "remote": "- 0 ok ok",
        "strange": "unknown_id 0 ok ok",
    }
