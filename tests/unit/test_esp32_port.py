"""The ESP32 port whole, in the VM on the shims of tests/shims: what a board of ours does first."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from carport.hardware import Board, installed_boards
from carport.profile import compile_to_file
from carport.profile.installed import profile_folder
from tests.vm import REPOSITORY, run_script

BOARDS = installed_boards()
DEVKIT = "devkit-mcp2515"
CARS = {1: "reference", 2: "leaf-2016"}
HEAP = "4m"

START = """
import json, sys
from tests import esp32_rig

repository, hardware, profile, port = sys.argv[1:]
with open(profile, "rb") as file:
    content = file.read()
with open(hardware) as file:  # an argument has 255 bytes at most
    hardware = json.load(file)
port = int(port)
chip = esp32_rig.make_chip(repository, hardware, content)
"""


def run(
    script: str, tmp_path: Path, hardware: dict[str, Any] | None = None, car: str = "reference"
) -> list[str]:
    """Return the lines that a script prints, on a chip that is wired so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    profile = compile_to_file(profile_folder(car), tmp_path)
    board_json = tmp_path / "board.json"
    board_json.write_text(json.dumps(hardware or BOARDS[DEVKIT].settings(1)))
    arguments = (str(REPOSITORY), str(board_json), str(profile), str(port))
    return run_script(START + script, heapsize=HEAP, args=arguments).splitlines()


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_every_board_opens_all_that_it_has(board: Board, tmp_path: Path) -> None:
    buses = min(len(board.can), 2)
    script = """
board, runner = esp32_rig.start(port)
gateway = runner._gateway
for _ in range(3):
    runner.turn()
print(type(gateway).__name__, len(runner._buses), gateway.is_armed)
print([gateway._describe_bus(bus, 0)["state"] for bus in range(len(runner._buses))])
print(type(board.open_uart()).__name__)
"""
    lines = run(script, tmp_path, board.settings(buses), CARS[buses])
    assert lines[-3] == f"Gateway {buses} False", lines
    assert lines[-2] == str(["listen-only"] * buses)
    assert lines[-1] == "ReplPort"
