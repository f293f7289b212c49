"""The ESP32 port whole, in the VM on the shims of tests/shims: what a board of ours does first."""

import json
from pathlib import Path
from typing import Any

import pytest

from carport.hardware import Board, installed_boards
from carport.profile import compile_to_file
from carport.profile.installed import profile_folder
from firmware.bench_loop import DOORS
from tests.bench import inputs
from tests.free_port import free_port
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
    profile = compile_to_file(profile_folder(car), tmp_path)
    board_json = tmp_path / "board.json"
    board_json.write_text(json.dumps(hardware or BOARDS[DEVKIT].settings(1)))
    arguments = (str(REPOSITORY), str(board_json), str(profile), str(free_port()))
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


DISCOVER = """
import socket
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, GET

def discover():
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    options = [(11, b".well-known"), (11, b"core")]
    client.send(message.encode(Message(CON, GET, 7, b"t", options, b"")))
    client.setblocking(False)
    for _ in range(5):
        runner.turn()
    return message.decode(client.recv(999))
"""


def test_it_joins_the_network_of_the_settings_and_answers_there(tmp_path: Path) -> None:
    script = """
wifi = {"ssid": "home", "password": "a secret"}
esp32_rig.sealed_settings({"name": "Anna's car", "wifi": wifi})
chip.wifi_status = 1010
board, runner = esp32_rig.start(port)
print(chip.hostname, chip.wifi_calls)
print(board.platform()["wifi"], board.subnets())
answer = discover()
print(answer.code, answer.token, answer.payload)
chip.wifi_address = "0.0.0.0", "0.0.0.0"  # the lease is over
print(board.subnets())
chip.wifi_status = 202
print(board.platform()["wifi"], board.subnets())
chip.wifi_status = 201
print(board.platform()["wifi"])
chip.wifi_status = 1001
print(board.platform()["wifi"])
chip.wifi_status = 211  # it is an open network
print(board.platform()["wifi"])
"""
    hostname, wifi, answer, *troubles = run(DISCOVER + script, tmp_path)
    assert hostname == ("anna-s-car [('config', '', 0, '', 1), ('connect', 'home', 'a secret')]")
    assert "'connected'" in wifi
    assert "-61" in wifi
    assert wifi.endswith(r"[(b'\x7f\x00\x00\x01', b'\xff\x00\x00\x00')]")
    assert answer.startswith("69 b't' b'</")
    assert troubles == [
        "[]",
        "{'state': 'wrong password'} []",
        "{'state': 'no such network'}",
        "{'state': 'connecting'}",
        "{'state': 'wrong password'}",
    ]


def test_an_empty_datagram_does_not_end_the_service(tmp_path: Path) -> None:
    script = """
esp32_rig.sealed_settings({"wifi": {"ssid": "home", "password": "a secret"}})
chip.wifi_status = 1010
board, runner = esp32_rig.start(port)
stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(40):
    stranger.sendto(b"", ("127.0.0.1", port))
    runner.turn()
print(discover().payload)
"""
    assert run(DISCOVER + script, tmp_path) == ["b'</system>;osc'"]


def test_its_own_access_point_has_its_name_and_a_password(tmp_path: Path) -> None:
    script = """
esp32_rig.sealed_settings({"ap": {"password": "twelve words"}})
board, runner = esp32_rig.start(port)
print(chip.hostname, chip.wifi_calls)
print(board.subnets(), "wifi" in board.platform())
"""
    assert run(script, tmp_path) == [
        "carport-cafe [('config', 'carport-cafe', 3, 'twelve words', 0)]",
        r"[(b'\xc0\xa8\x04\x01', b'\xff\xff\xff\x00')] False",
    ]


def test_without_wifi_it_has_no_socket(tmp_path: Path) -> None:
    script = """
board, runner = esp32_rig.start(port)
print(runner._send, chip.wifi_calls, board.subnets())
"""
    assert run(script, tmp_path) == ["None [] []"]


def test_a_controller_that_does_not_answer_is_told_on_the_cable(tmp_path: Path) -> None:
    script = """
chip.wire(hardware["can"][0]["cs"]).on_change = None  # a wire is loose
board, runner = esp32_rig.start(port)
print(runner._gateway.logs(), runner._buses)
"""
    (told,) = run(script, tmp_path)
    assert told.startswith("['no gateway: the CAN controller of body does not work: [Errno 110]")
    assert told.endswith("CANSTAT is FFh'] []")


@pytest.mark.parametrize(
    ("wirings", "told"),
    [
        ([], "board.json has none: run carport flash"),
        ([{"id": 1}], "this MicroPython cannot drive the chip's own controller: docs/building.md"),
    ],
)
def test_a_controller_that_there_is_not(
    wirings: list[dict[str, int]], told: str, tmp_path: Path
) -> None:
    script = """
import machine
if hasattr(machine, "CAN"):
    del machine.CAN  # stock MicroPython
board, runner = esp32_rig.start(port)
print(runner._gateway.logs())
"""
    hardware = {**BOARDS[DEVKIT].settings(1), "can": wirings}
    assert run(script, tmp_path, hardware) == [
        str([f"no gateway: the CAN controller of body does not work: {told}"])
    ]


def test_without_board_json_it_says_what_it_lacks(tmp_path: Path) -> None:
    script = """
import os
os.remove("/board.json")
os.remove("/profile.cbor")
board, runner = esp32_rig.start(port)
print(runner._gateway.logs(), type(board.open_uart()).__name__, board.model)
"""
    assert run(script, tmp_path) == [
        "['no gateway: there is no valid profile of a car: run carport flash'] ReplPort "
    ]


@pytest.mark.parametrize(
    ("cause", "memory", "ended_by"),
    [
        ("machine.PWRON_RESET", b"", ""),
        ("machine.HARD_RESET", b"", ""),
        ("machine.HARD_RESET", b"running", "a panic of ESP-IDF"),
        ("machine.WDT_RESET", b"running", "watchdog"),
        ("machine.SOFT_RESET", b"running", ""),
        ("machine.DEEPSLEEP_RESET", b"", ""),
        ("0", b"running", ""),
    ],
)
def test_what_ended_the_last_run_is_kept(
    cause: str, memory: bytes, ended_by: str, tmp_path: Path
) -> None:
    script = f"""
import machine
chip.cause, chip.rtc_memory = {cause}, {memory!r}
board, runner = esp32_rig.start(port)
crash = runner._gateway._crash
print([board.ended_by, crash and crash["reason"], chip.rtc_memory, chip.fed > 0])
try:
    board.reset()
except chip.Reset:
    print(chip.rtc_memory)
"""
    kept = [ended_by, ended_by or None, b"running", True]
    assert run(script, tmp_path) == [str(kept), "b''"]


def test_who_holds_the_button_at_the_start_has_the_repl_and_leaves_no_note(tmp_path: Path) -> None:
    script = """
chip.wire(hardware["button"]).level = 0
from firmware.ports.esp32.board import Board
board = Board()
print(board.is_button_held(0), chip.rtc_memory)
chip.wire(hardware["button"]).level = 1
print(board.is_button_held(0))
"""
    assert run(script, tmp_path) == ["True b''", "False"]


def test_a_new_file_system_keeps_what_starts_the_firmware(tmp_path: Path) -> None:
    script = """
import os
def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
for folder in ("/lib", "/lib/firmware", "/records"):
    os.mkdir(folder)
for path in ("/boot.py", "/main.py", "/lib/firmware/loader.mpy", "/records/keys", "/else"):
    write(path, path.encode())
from firmware.ports.esp32.board import Board
Board().format()
print(sorted(os.listdir("/")), os.listdir("/lib/firmware"))
with open("/lib/firmware/loader.mpy", "rb") as file:
    print(file.read())
"""
    assert run(script, tmp_path) == [
        "['board.json', 'boot.py', 'lib', 'main.py', 'profile.cbor', 'repo'] ['loader.mpy']",
        "b'/lib/firmware/loader.mpy'",
    ]


def test_a_file_system_that_cannot_be_mounted_is_made_where_nothing_can_be_lost(
    tmp_path: Path,
) -> None:
    script = """
import vfs
vfs.umount("/")
chip.add_partition("vfs", 64)
board, runner = esp32_rig.start(port)
print(runner._gateway.logs())
import os
print(sorted(os.listdir("/")))
"""
    assert run(script, tmp_path) == [
        "['no gateway: there is no valid profile of a car: run carport flash']",
        "['blocks', 'records', 'repo']",
    ]


def test_the_led_shows_that_a_new_board_can_be_paired(tmp_path: Path) -> None:
    script = """
clock = esp32_rig.Clock()
board, runner = esp32_rig.start(port, clock)
for clock.now in range(0, 2000, 250):
    runner.turn()
print(chip.wire(hardware["led"]).edges)
"""
    assert run(script, tmp_path) == ["[0, 0, 1, 0, 1, 0]"]  # dark first: let go, and opened


def test_an_led_may_have_colours(tmp_path: Path) -> None:
    script = """
esp32_rig.start(port)[1].turn()
print(chip.pixels)
"""
    hardware = {**BOARDS[DEVKIT].settings(1), "led": {"ws2812": 4}}
    assert run(script, tmp_path, hardware) == ["[[(0, 0, 24)]]"]


def test_the_button_reaches_the_core_and_a_short_bounce_does_not(tmp_path: Path) -> None:
    script = """
from firmware.ports.esp32 import button

class Time:
    now = 1000
    ticks_ms = staticmethod(lambda: Time.now)
    ticks_diff = staticmethod(lambda later, sooner: later - sooner)

class Cable:
    log = print

button.time = Time
clock = esp32_rig.Clock()
board, runner = esp32_rig.start(port, clock)
runner._cable = Cable
wire = chip.wire(hardware["button"])
bounces = ((2000, 0), (2003, 1)), ((3000, 0), (3002, 1), (3004, 0), (6100, 1), (9000, 1))
for Time.now, level in bounces[0] + bounces[1]:
    wire.set(level)
    clock.now = Time.now
    runner.turn()
"""
    assert run(script, tmp_path) == ["pairing is open for 60 s"]


def test_a_frame_on_the_bus_reaches_the_core_and_a_foreign_one_does_not(tmp_path: Path) -> None:
    arbitration_id, data = inputs.frame(DOORS, 0)
    script = f"""
board, runner = esp32_rig.start(port)
model = chip.mcp2515s[hardware["can"][0]["cs"]]
state = runner._gateway._state
for id in ({arbitration_id}, 0x7fe):
    model.receive((id, False, False, {data!r}))
    runner.turn()
    print(state.counters)
"""
    accepted, foreign = run(script, tmp_path)
    assert "'accepted': 1" in accepted
    assert foreign == accepted


def test_a_controller_is_reset_and_its_transceiver_switched_before_it_is_used(
    tmp_path: Path,
) -> None:
    script = """
model = chip.mcp2515s[10]
said = []
chip.wire(9).on_change = lambda level: said.append(("reset", level))
old = chip.exchange
def exchange(byte):
    said.append("spi") if said[-1] != "spi" else None
    return old(byte)
chip.exchange = exchange
board, runner = esp32_rig.start(port)
print(said[:3], chip.wire(16).edges, chip.wire(23).edges, len(runner._buses))
"""
    t_2can, t_can485 = BOARDS["t-2can"].settings(2), BOARDS["t-can485"].settings(1)
    hardware = {**t_2can, "can": [t_2can["can"][0], t_can485["can"][0]]}
    assert run(script, tmp_path, hardware, CARS[2]) == [
        "[('reset', 0), ('reset', 1), 'spi'] [1] [0] 2"
    ]


def test_a_cable_on_another_uart_leaves_the_log_to_the_repl(tmp_path: Path) -> None:
    script = """
board, runner = esp32_rig.start(port)
runner.turn()
print(type(board.open_uart()).__name__)
"""
    hardware = {**BOARDS[DEVKIT].settings(1), "cable": {"uart": 1, "tx": 17, "rx": 16}}
    ready, uart = run(script, tmp_path, hardware)
    assert ready.startswith("ready after 0 ms, ")
    assert uart == "UART"


def test_a_controller_that_answers_late_is_asked_again(tmp_path: Path) -> None:
    script = """
from firmware.ports.esp32 import controllers

class Time:
    def sleep_ms(self, ms):
        if ms == 20:  # between two tries
            wire.on_change = select

wire = chip.wire(hardware["can"][0]["cs"])
select, wire.on_change = wire.on_change, None
controllers.time = Time()
board, runner = esp32_rig.start(port)
print(type(runner._gateway).__name__, len(runner._buses))
"""
    assert run(script, tmp_path) == ["Gateway 1"]


def test_a_partition_table_without_a_place_for_keys(tmp_path: Path) -> None:
    script = """
del chip.partitions["carport_keys"]
board, runner = esp32_rig.start(port)
print(runner._gateway.logs())
"""
    assert run(script, tmp_path) == [
        "['no gateway: there is no place for keys "
        "(there is no partition carport_keys: run `carport flash`)']"
    ]


@pytest.mark.parametrize(("let_go_ms", "name"), [(9_000, "Anna"), (99_000, "carport-cafe")])
def test_the_button_held_for_ten_seconds_at_the_start_erases_everything(
    let_go_ms: int, name: str, tmp_path: Path
) -> None:
    script = """
from firmware.ports.esp32 import board as module

class Time:
    now = 0

    def ticks_ms(self):
        if self.now >= LET_GO:
            chip.wire(hardware["button"]).level = 1
        return self.now

    def ticks_diff(self, later, sooner):
        return later - sooner

    def sleep_ms(self, ms):
        self.now += ms

esp32_rig.sealed_settings({"name": "Anna"})
module.time = Time()
chip.wire(hardware["button"]).level = 0
board, runner = esp32_rig.start(port)
print(runner._gateway.settings.name)
"""
    lines = run(script.replace("LET_GO", str(let_go_ms)), tmp_path)
    assert lines[-1] == name
