"""The ESP32 port asleep and awake, in the VM on the shims of tests/shims."""

from pathlib import Path

from tests.unit.test_esp32_port import BOARDS, DEVKIT, run

WIRING = BOARDS[DEVKIT].settings(1)
INTERRUPT = WIRING["can"][0]["interrupt"]
STORED = '{"power": {"mode": "stored", "interval_s": 900, "low_mv": 12200}}'
REACHABLE = '{"power": {"mode": "reachable", "interval_s": 900, "low_mv": 12200}}'

TURNS = """
clock = esp32_rig.Clock()
def turn_for(seconds):
    # Turn each second; tell when the board has gone to sleep, and for how long.
    for _ in range(seconds):
        clock.now += 1000
        try:
            runner.turn()
        except chip.Sleep as sleep:
            return clock.now, sleep.time_ms
def pins(source):
    found = chip.wake_pins[source]
    each = found[0] if type(found[0]) is list else [found[0]]
    return [pin._number for pin in each], found[1]
"""
WAKE = """
import machine
def wake(reason, pins=()):
    chip.cause, chip.wake_reason, chip.woken_by_pins = machine.DEEPSLEEP_RESET, reason, set(pins)
"""


def test_a_stored_board_sleeps_and_its_controller_too(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
print(turn_for(598), turn_for(4), runner.led._light._pin())
print(pins("ext0"), pins("ext1"))
model = list(chip.mcp2515s.values())[0]
print(model.mode, model.interrupt)
model.receive((0x7FF, False, False, b""))
print(model.interrupt)
from firmware import kept
print(len(chip.rtc_memory), kept.decode(chip.rtc_memory, board.power.rtc_s())[0])
"""
    slept, watched, controller, woken, memory = run(TURNS + script, tmp_path, WIRING)
    assert slept == "None (600000, 900000) 0"
    assert watched == f"([{INTERRUPT}], False) ([{WIRING['button']}], False)"
    assert controller == "1 1"  # SLEEP, INT high
    assert woken == "0"
    assert memory == "14 False"


def test_a_bus_that_wakes_in_the_last_moment_keeps_it_up(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
model = list(chip.mcp2515s.values())[0]
enter = model._enter
def wake_up(mode):
    enter(mode)
    if mode == 1:
        model.receive((0x7FF, False, False, b""))
model._enter = wake_up
print(turn_for(602), model.mode)
model._enter = enter
print(turn_for(3), model.mode)
"""
    assert run(TURNS + script, tmp_path, WIRING) == ["None 3", "(603000, 900000) 1"]


def test_the_radio_is_off_before_it_sleeps(tmp_path: Path) -> None:
    script = f"""
wifi = {{"ssid": "home", "password": "a secret"}}
esp32_rig.sealed_settings(dict({STORED}, wifi=wifi, ap={{"password": "twelve words"}}))
board, runner = esp32_rig.start(port, clock)
radio = board._wireless
print(radio._station.active(), radio._access_point.active())
print(turn_for(601))
print(radio._station.active(), radio._access_point.active())
"""
    assert run(TURNS + script, tmp_path, WIRING) == [
        "True True",
        "(600000, 900000)",
        "False False",
    ]


def test_what_cannot_be_saved_keeps_it_up(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
save = runner._storage.save
def fail(name, data):
    raise OSError(5)
turn_for(590)
runner._log = lambda line: None  # it would be on the cable, which is stdout
runner._storage.save = fail
runner._gateway._records.put("note", b"1")
print(turn_for(60))
runner._storage.save = save
print(turn_for(3))
"""
    kept_up, slept = run(TURNS + script, tmp_path, WIRING)
    assert kept_up == "None"
    assert slept.endswith(", 900000)")


def test_a_chip_without_ext0_watches_both_pins_by_ext1(tmp_path: Path) -> None:
    script = f"""
import esp32
del esp32.wake_on_ext0
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
turn_for(601)
print(pins("ext1"))
"""
    (watched,) = run(TURNS + script, tmp_path, WIRING)
    assert watched == f"([{WIRING['button']}, {INTERRUPT}], False)"


def test_pins_that_cannot_wake_leave_it_those_that_can(tmp_path: Path) -> None:
    script = f"""
import esp32
del esp32.wake_on_ext0
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
wake_on_ext1 = esp32.wake_on_ext1
def watch(able):
    def only(pins, level):
        for pin in pins:
            if pin._number not in able:
                raise ValueError("invalid pin")
        wake_on_ext1(pins, level)
    chip.wake_pins.clear()
    esp32.wake_on_ext1 = only
    try:
        board.power.sleep(900, b"", True)
    except chip.Sleep as sleep:
        return sleep.time_ms, pins("ext1") if chip.wake_pins else None
for able in ((hardware["button"],), (hardware["wake"],), ()):
    print(watch(able))
    board, runner = esp32_rig.start(0, clock)
"""
    assert run(TURNS + script, tmp_path, WIRING) == [
        f"(900000, ([{WIRING['button']}], False))",
        f"(900000, ([{INTERRUPT}], False))",
        "(900000, None)",
    ]


def test_what_must_not_float_is_held_until_the_next_start(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
board, runner = esp32_rig.start(port, clock)
def held():
    return [(pin, wire.level) for pin, wire in sorted(chip.wires.items()) if wire.is_held]
print(held(), chip.wire(17).level, chip.wire(17).is_output)
print(turn_for(601), held())
edges = len(chip.wire(17).edges)
wake(machine.TIMER_WAKE)
clock.now = 0
board, runner = esp32_rig.start(0, clock)  # the shims do not let it use a pin that is held
print(held(), set(chip.wire(17).edges[edges:]), turn_for(61), held())
"""
    wiring = {
        **BOARDS["t-2can"].settings(1),
        "led": 2,
        "stay_on": {"pin": 17, "level": 1},
    }
    held = [(2, 0), (9, 1), (10, 1), (17, 1)]
    assert run(TURNS + WAKE + script, tmp_path, wiring) == [
        "[] 1 True",
        f"(600000, 900000) {held}",
        f"[] {{1}} (60000, 900000) {held}",
    ]


def test_what_woke_it_decides_how_long_it_stays(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
for reason, woken_by in (
    (machine.TIMER_WAKE, ()),
    (machine.EXT0_WAKE, ()),
    (machine.EXT1_WAKE, (hardware["button"],)),
):
    wake(reason, woken_by)
    clock.now = 0
    board, runner = esp32_rig.start(0, clock)
    print(board.power.woken_by, board.ended_by, turn_for(700))
"""
    assert run(TURNS + WAKE + script, tmp_path, WIRING) == [
        "timer  (60000, 900000)",
        "bus  (60000, 900000)",
        "button  (600000, 900000)",
    ]


def test_what_woke_a_chip_without_ext0_and_an_old_micropython(tmp_path: Path) -> None:
    script = """
from firmware.ports.esp32.board import Board
import esp32
def told():
    tell = []
    for pin in (hardware["wake"], hardware["button"]):
        wake(machine.EXT1_WAKE, (pin,))
        tell.append(Board().power.woken_by)
    return tell
ext0, wake_pins = esp32.wake_on_ext0, machine.wake_pins
del esp32.wake_on_ext0
print(told())
del machine.wake_pins
print(told())
esp32.wake_on_ext0 = ext0  # which leaves EXT1 to the button
print(told()[1])
"""
    assert run(WAKE + script, tmp_path, WIRING) == [
        "['bus', 'button']",
        "['bus', 'bus']",
        "button",
    ]


def test_who_wakes_it_by_the_button_does_not_erase_it(tmp_path: Path) -> None:
    script = """
from firmware.ports.esp32.board import Board
chip.wire(hardware["button"]).level = 0
print(Board().is_button_held(0))
wake(machine.EXT1_WAKE, (hardware["button"],))
print(Board().is_button_held(0))
"""
    assert run(WAKE + script, tmp_path, WIRING) == ["True", "False"]


def test_a_bus_that_wakes_it_for_nothing_is_not_watched_for_a_while(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({STORED})
wakes = [machine.EXT0_WAKE] * 4 + [machine.TIMER_WAKE] + [machine.EXT0_WAKE] * 2
watched = []
for reason in wakes:
    wake(reason)
    clock.now = 0
    chip.wake_pins.clear()
    board, runner = esp32_rig.start(0, clock)
    if len(watched) == 6:
        runner._buses[0].heard_ms = 1  # the car says something
    turn_for(61)
    watched.append("ext0" in chip.wake_pins)
print(watched)
"""
    (told,) = run(TURNS + WAKE + script, tmp_path, WIRING)
    assert told == "[True, True, False, False, True, False, True]"


def test_a_low_battery_is_measured_and_remembered(tmp_path: Path) -> None:
    script = f"""
esp32_rig.sealed_settings({REACHABLE})
board, runner = esp32_rig.start(port, clock)
print(board.power.supply_mv(), turn_for(700))
chip.microvolts = 1_500_000
print(turn_for(70))
wake(machine.TIMER_WAKE)
clock.now = 0
board, runner = esp32_rig.start(0, clock)
print(turn_for(59), sorted(runner.sleeper.describe().items()))
print(turn_for(9))
chip.microvolts = 1_700_000
clock.now = 0
board, runner = esp32_rig.start(0, clock)
print(turn_for(700), sorted(runner.sleeper.describe().items()))
"""
    sense = {**WIRING, "supply_sense": {"pin": 34, "divider": 7.667}}
    assert run(TURNS + WAKE + script, tmp_path, sense) == [
        "12267 None",
        "(761000, 3600000)",
        "None [('awake_until_s', 60), ('forced', True), ('interval_s', 3600), "
        "('mode', 'reachable'), ('state', 'stored'), ('supply_mv', 11500)]",
        "(60000, 3600000)",
        "None [('mode', 'reachable'), ('state', 'reachable'), ('supply_mv', 13033)]",
    ]


def test_a_board_that_neither_measures_nor_sleeps_loads_nothing_of_this(tmp_path: Path) -> None:
    script = """
board, runner = esp32_rig.start(port, clock)
print(runner.sleeper, "firmware.power" in sys.modules, board.power.supply_mv())
"""
    hardware = {name: value for name, value in WIRING.items() if name != "supply_sense"}
    assert run(TURNS + script, tmp_path, hardware) == ["None False None"]
