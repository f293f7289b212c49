"""Each pin, written down a second time: one that is changed in one place is noticed here.

The table is not made from hw/boards: it is from the makers' files that the boards name.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from carport.errors import UsageError
from carport.hardware import Board, board_named, installed_boards, load_board
from carport.hardware.checks import check_description
from carport.hardware.chips import CHIPS
from hw.draw import PAGE
from hw.tables import fill
from tests.vm import REPOSITORY, run_script

BOARDS = Path(__file__).resolve().parents[2] / "hw" / "boards"
NAMES = sorted(path.stem for path in BOARDS.glob("*.toml"))
PINS = {
    "devkit-mcp2515": {
        "button": 0,
        "LED": 2,
        "supply sense": 34,
        "cable tx": 1,
        "cable rx": 3,
        "SPI sck": 18,
        "SPI mosi": 23,
        "SPI miso": 19,
        "CAN 0 cs": 5,
        "CAN 0 interrupt": 4,
        "CAN 1 cs": 21,
        "CAN 1 interrupt": 22,
    },
    "esp32-can-x2": {
        "button": 0,
        "LED": 2,
        "SPI sck": 12,
        "SPI mosi": 11,
        "SPI miso": 13,
        "CAN 0 cs": 10,
        "CAN 0 interrupt": 8,
        "CAN 0 reset": 9,
        "CAN 1 tx": 7,
        "CAN 1 rx": 6,
    },
    "rejsacan-3": {
        "button": 0,
        "LED": 10,
        "supply sense": 9,
        "stay on": 17,
        "CAN 0 tx": 14,
        "CAN 0 rx": 13,
        "CAN 0 output 38": 38,
    },
    "rejsacan-6": {
        "button": 9,
        "LED": 19,
        "stay on": 18,
        "CAN 0 tx": 3,
        "CAN 0 rx": 23,
        "CAN 0 output 2": 2,
        "CAN 1 tx": 21,
        "CAN 1 rx": 20,
        "CAN 1 output 22": 22,
    },
    "t-2can": {
        "button": 0,
        "SPI sck": 12,
        "SPI mosi": 11,
        "SPI miso": 13,
        "CAN 0 cs": 10,
        "CAN 0 interrupt": 8,
        "CAN 0 reset": 9,
        "CAN 1 tx": 7,
        "CAN 1 rx": 6,
    },
    "t-can485": {
        "button": 0,
        "LED": 4,
        "cable tx": 1,
        "cable rx": 3,
        "CAN 0 tx": 27,
        "CAN 0 rx": 26,
        "CAN 0 output 16": 16,
        "CAN 0 output 23": 23,
    },
    "waveshare-s3": {"button": 0, "CAN 0 tx": 15, "CAN 0 rx": 16},
}
HELD = {
    "rejsacan-3": [[[38, 0]]],
    "rejsacan-6": [[[2, 0]], [[22, 0]]],
    "t-can485": [[[16, 1], [23, 0]]],
}
CRYSTALS_MHZ = {"devkit-mcp2515": [8, 8], "esp32-can-x2": [16], "t-2can": [16]}
WAKES = {
    "devkit-mcp2515": 4,
    "esp32-can-x2": 8,
    "rejsacan-3": 13,
    "t-2can": 8,
    "t-can485": 26,
    "waveshare-s3": 16,
}
A_PIN = (
    r"\b(?:button|led|ws2812|pin|tx|rx|sck|mosi|miso|cs|interrupt|reset) = (\d+)|\[(\d+), [01]\]"
)


OPEN = """
import json, sys, vfs
with open(sys.argv[2]) as file:
    boards = json.load(file)
vfs.mount(vfs.VfsPosix(sys.argv[1]), "/repo")
vfs.umount("/")
sys.path[:] = ["/repo/tests/shims", "/repo", ".frozen"]
sys.modules.pop("tests", None)
import machine
from tests.models.mcp2515 import Chip
from tests.shims import chip
from firmware.ports.esp32.controllers import Controllers
from firmware.ports.esp32.light import Light
from firmware.ports.esp32.power import PowerPort

opened = []


class SPI(machine.SPI):
    def __init__(self, id, **named):
        super().__init__(id, **named)
        opened.append({n: named[n]._number for n in ("sck", "mosi", "miso")})


class ADC(machine.ADC):
    def __init__(self, pin, **named):
        super().__init__(pin, **named)
        opened.append({"sense": pin._number})


machine.SPI, machine.ADC = SPI, ADC
for name in boards:
    hardware = boards[name]
    opened.clear()
    chip.wires.clear()
    chip.mcp2515s.clear()
    for wiring in hardware["can"]:
        if "cs" in wiring:
            chip.connect_mcp2515(Chip(), wiring["cs"], wiring["interrupt"])
    button = machine.Pin(hardware["button"], machine.Pin.IN, machine.Pin.PULL_UP)
    PowerPort(hardware, button, b"")
    if "led" in hardware:
        Light(hardware["led"])
    controllers = Controllers(hardware["can"])
    for bus, wiring in enumerate(hardware["can"]):
        if "cs" in wiring:
            controllers.open(bus, 125_000)
    outputs = {n: w.level for n, w in chip.wires.items() if w.is_output}
    handlers = [n for n, w in chip.wires.items() if w.handler]
    print(json.dumps([name, opened, outputs, handlers]))
"""


@pytest.fixture(autouse=True)
def _no_boards_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "home"))


def board(name: str) -> Board:
    return load_board(BOARDS / f"{name}.toml")


def all_boards(changed: Board | None = None) -> list[Board]:
    boards = [board(name) for name in NAMES]
    boards = [changed if changed and each.name == changed.name else each for each in boards]
    return sorted(boards, key=lambda each: not each.is_recommended)


@pytest.mark.parametrize("name", NAMES)
def test_pins(name: str) -> None:
    assert board(name).pins() == PINS[name]


@pytest.mark.parametrize("name", NAMES)
def test_levels_and_crystals(name: str) -> None:
    controllers = board(name).can
    assert [each.outputs for each in controllers if each.outputs] == HELD.get(name, [])
    crystals = [each.crystal_hz // 1_000_000 for each in controllers if each.crystal_hz]
    assert crystals == CRYSTALS_MHZ.get(name, [])


def test_the_page_has_what_the_boards_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fill(page, all_boards()), "run `make hw`"


@pytest.mark.parametrize("name", NAMES)
def test_a_pin_that_is_changed_in_one_place_is_noticed(name: str, tmp_path: Path) -> None:
    text = (BOARDS / f"{name}.toml").read_text(encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    free = next(pin for pin in (14, 15, 1) if pin not in PINS[name].values())
    if name == "rejsacan-3":
        free = 1  # which its ADC can measure as well
    changed = 0
    for match in re.finditer(A_PIN, text):
        start, end = match.span(1 if match[1] else 2)
        pin = 35 if "pin = 34" in match[0] else free
        path = tmp_path / f"{name}.toml"
        path.write_text(f"{text[:start]}{pin}{text[end:]}", encoding="utf-8")
        assert load_board(path).pins() != PINS[name]
        assert fill(page, all_boards(load_board(path))) != page
        changed += 1
    assert changed == len(PINS[name])


@pytest.mark.parametrize("name", NAMES)
def test_settings_have_the_pins_that_the_firmware_opens(name: str) -> None:
    described = board(name)
    settings = described.settings(len(described.can))
    pins = PINS[name]
    assert settings["board"] == name
    assert settings["button"] == pins["button"]
    led = settings.get("led")
    assert (led["ws2812"] if isinstance(led, dict) else led) == pins.get("LED")
    assert settings.get("wake") == WAKES.get(name)
    assert settings.get("supply_sense", {}).get("pin") == pins.get("supply sense")
    assert settings.get("stay_on") == (
        {"pin": pins["stay on"], "level": 1} if "stay on" in pins else None
    )
    for index, wiring in enumerate(settings["can"]):
        mine = {k.split()[2]: v for k, v in pins.items() if k.startswith(f"CAN {index} ")}
        if "crystal_hz" in wiring:
            spi = {k.split()[1]: v for k, v in pins.items() if k.startswith("SPI ")}
            assert {k: wiring[k] for k in (*spi, "cs", "interrupt")} == {
                **spi,
                "cs": mine["cs"],
                "interrupt": mine["interrupt"],
            }
            assert wiring.get("reset") == mine.get("reset")
        else:
            assert set(wiring) <= {"id", "outputs"}
        held = [pin for pin, _ in wiring.get("outputs", [])]
        assert held == [v for k, v in pins.items() if k.startswith(f"CAN {index} output")]


def test_the_firmware_opens_these_pins(tmp_path: Path) -> None:
    file = tmp_path / "boards.json"
    settings = {each.name: each.settings(len(each.can)) for each in all_boards()}
    file.write_text(json.dumps(settings), encoding="utf-8")
    lines = run_script(OPEN, heapsize="2m", args=(str(REPOSITORY), str(file))).splitlines()
    assert len(lines) == len(NAMES)
    for line in lines:
        name, opened, outputs, handlers = json.loads(line)
        pins = PINS[name]

        def of(what: str, pins: dict[str, int] = pins) -> list[int]:
            return [pin for purpose, pin in pins.items() if purpose.endswith(what)]

        spi = {k.split()[1]: pin for k, pin in pins.items() if k.startswith("SPI ")}
        sense: list[dict[str, Any]] = [{"sense": pin} for pin in of("supply sense")]
        assert opened == sense + ([spi] if spi else [])
        held = {pin: level for bus in HELD.get(name, []) for pin, level in bus}
        high = dict.fromkeys(of(" cs") + of(" reset") + of("stay on"), 1)
        dark = dict.fromkeys(of("LED"), 0)
        levels = {int(pin): level for pin, level in outputs.items()}
        if name == "t-can485":
            del dark[4]  # a WS2812, which has no level
            assert levels.pop(4) in (0, 1)
        assert levels == held | high | dark
        assert sorted(handlers) == sorted(of(" interrupt"))


def test_a_car_with_more_buses_than_the_board_is_refused() -> None:
    for name, told in (
        ("t-can485", "has 1 CAN controller, and this car 3 buses: choose another board"),
        ("t-2can", "has 2 CAN controllers, and this car 3 buses: choose another board"),
    ):
        with pytest.raises(UsageError, match=told):
            board(name).settings(3)


def test_only_the_buses_of_the_car_are_wired_and_can_wake() -> None:
    settings = board("t-2can").settings(1)
    assert [wiring["cs"] for wiring in settings["can"]] == [10]
    assert settings["wake"] == 8


def test_a_chip_select_is_held_in_deep_sleep_or_has_a_resistor() -> None:
    for described in all_boards():
        for controller in described.can:
            pins = {controller.cs, controller.reset} - {None}
            assert controller.is_module or pins <= CHIPS[described.chip].holds


def test_what_stock_micropython_will_do_for() -> None:
    one = {each.name for each in all_boards() if each.works_on_stock(1)}
    assert one == {"devkit-mcp2515", "esp32-can-x2", "t-2can"}
    assert [each.name for each in all_boards() if each.works_on_stock(2)] == ["devkit-mcp2515"]


def test_a_heap_is_what_the_chip_can_address() -> None:
    assert [each.heap_kib for each in all_boards()] == [4096, 8192, 111, 111, 8192, 111, 8192]


def test_a_recommended_board_comes_first() -> None:
    assert next(iter(installed_boards())) == "devkit-mcp2515"
    assert set(installed_boards()) == set(NAMES)


def test_a_board_of_the_user_is_one_and_takes_the_place_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "config" / "boards"
    folder.mkdir(parents=True)
    text = (BOARDS / "devkit-mcp2515.toml").read_text(encoding="utf-8")
    text = text.replace("crystal_hz = 8_000_000", "crystal_hz = 16_000_000")
    for name in ("my-devkit", "devkit-mcp2515"):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        assert board_named(name).settings(1)["can"][0]["crystal_hz"] == 16_000_000
    assert board_named("my-devkit").settings(1)["board"] == "my-devkit"


def test_no_such_board() -> None:
    with pytest.raises(UsageError, match="there is no board uno: there are devkit-mcp2515, esp"):
        board_named("uno")


@pytest.mark.parametrize(
    ("name", "right", "wrong", "told"),
    [
        (
            "t-2can",
            'chip = "esp32s3"',
            'chip = "esp8266"',
            "chip is one of esp32, esp32s3, esp32c6",
        ),
        ("t-2can", 'chip = "esp32s3"', "", "chip is missing"),
        ("t-2can", "button = 0", 'button = "BOOT"', "button is a whole number"),
        ("t-2can", "button = 0", "button = true", "button is a whole number"),
        ("t-2can", "button = 0", "button = 0\nbuzzer = 1", "there is no buzzer"),
        ("t-2can", "button = 0", "button = 23", "button: the esp32s3 has no GPIO 23 to use"),
        ("t-2can", "button = 0", "button = 35", "button: GPIO 35 belongs to its PSRAM"),
        ("t-2can", "button = 0", "button = 19", "button: GPIO 19 belongs to its USB port"),
        ("t-2can", "button = 0", "button = 13", "SPI miso and button are both GPIO 13"),
        ("t-2can", "-SPIRAM_OCT", "-CSI", "image: ESP32_GENERIC_S3-CSI does not use PSRAM"),
        (
            "t-2can",
            "GENERIC_S3",
            "GENERIC_C3",
            "image: for the esp32s3 it begins with ESP32_GENERIC_S3",
        ),
        ("t-2can", 'supply = "usb"', 'supply = "24v"', "supply is one of usb, 12v"),
        ("t-2can", "flash_mib = 16", "flash_mib = 2", "flash_mib: Carport needs 4"),
        ("t-2can", "usb = true", "usb = true\nuart = 0", "cable: there is no uart"),
        ("t-2can", "usb = true", "uart = 0\ntx = 1", "cable: rx is missing"),
        ("t-2can", "id = 1\nsck", "id = 3\nsck", "spi: id is one of 1, 2"),
        ("t-2can", "miso = 13", "miso = 13\nhz = 20_000_000", "spi: hz is at most 10000000"),
        ("t-2can", "miso = 13", "", "spi: miso is missing"),
        ("t-2can", "_hz = 16_000_000", "_hz = 16", "CAN 0: no module has a crystal of 16 Hz"),
        ("t-2can", '"mcp2515"', '"mcp2518fd"', "CAN 0: controller is one of mcp2515, twai"),
        ("t-2can", "cs = 10", "", "CAN 0: cs is missing"),
        ("t-2can", "cs = 10", "cs = 10\nrx = 6", "CAN 0: there is no rx"),
        ("t-2can", "id = 1\ntx", "id = 2\ntx", "CAN 1: id counts the chip's own controllers"),
        ("t-2can", "price_eur = [20, 35]", "price_eur = [35]", "price_eur is [low, high]"),
        ("t-can485", "[16, 1]", "[16, 2]", "CAN 0: an output is [pin, level], the level 0 or 1"),
        ("t-2can", "usb = true", "usb = false", "cable: usb = true is for a chip"),
        ("t-can485", "uart = 0\ntx = 1\nrx = 3", "usb = true", "cable: usb = true is for a chip"),
        ("t-can485", "{ws2812 = 4}", "{}", "led: ws2812 is missing"),
        ("t-can485", "{ws2812 = 4}", '"blue"', "led is a GPIO, or {ws2812 = a GPIO}"),
        ("t-can485", "tx = 27", "tx = 34", "CAN 0 tx: GPIO 34 is an input only"),
        ("devkit-mcp2515", "cs = 21", "cs = 17", "CAN 1 cs: GPIO 17 belongs to its PSRAM"),
        ("devkit-mcp2515", "pin = 34", "pin = 25", "GPIO 25 cannot measure while Wi-Fi is on"),
        ("devkit-mcp2515", "7.667", "0.13", "divider is how many times"),
        ("rejsacan-6", "id = 2", "id = 1", "CAN 1: id counts the chip's own controllers"),
        ("rejsacan-3", "pin = 17", "pin = 40", "stay on: GPIO 40 cannot be held in deep sleep"),
        ("rejsacan-3", "pin = 17", "pin = 23", "stay on: the esp32s3 has no GPIO 23 to use"),
        ("rejsacan-3", "level = 1", "level = 2", "stay on: level is 0 or 1"),
        ("rejsacan-3", ", level = 1", "", "stay_on: level is missing"),
    ],
)
def test_a_wrong_description_is_told_once(
    tmp_path: Path, name: str, right: str, wrong: str, told: str
) -> None:
    text = (BOARDS / f"{name}.toml").read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(told)) as raised:
        load_board(path)
    message = str(raised.value)
    assert message.startswith("mine.toml describes no board: ")
    assert "; " not in message


WRONG: tuple[Any, ...] = ("x", 3, -1, True, 1.5, [], {}, [1], [[1]], [{}], [[1, 1], 2])


@pytest.mark.parametrize("name", ["devkit-mcp2515", "t-2can", "t-can485", "rejsacan-3"])
def test_whatever_stands_there_is_no_traceback(name: str) -> None:
    text = (BOARDS / f"{name}.toml").read_text(encoding="utf-8")

    def change(table: Any, path: tuple[Any, ...]) -> None:
        for key in list(table) if isinstance(table, dict) else range(len(table)):
            value = table[key]
            for wrong in WRONG:
                table[key] = wrong
                problems = check_description(described)
                assert len(problems) == len(set(problems)), path
            table[key] = value
            if isinstance(value, dict | list):
                change(value, (*path, key))

    described = tomllib.loads(text)
    change(described, ())
    assert check_description(described) == []


def test_every_problem_is_told_and_none_twice(tmp_path: Path) -> None:
    text = (BOARDS / "devkit-mcp2515.toml").read_text(encoding="utf-8")
    text = text.replace("cs = 5\n", "cs = 16\n").replace("cs = 21\n", "cs = 16\n")
    spi = text.index("[spi]")
    text = text[:spi] + text[text.index("[[can]]") :]
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_board(tmp_path / "mine.toml")
    assert str(raised.value).split(": ", 1)[1].split("; ") == [
        "CAN 0 cs: GPIO 16 belongs to its PSRAM",
        "CAN 1 cs: GPIO 16 belongs to its PSRAM",
        "an MCP2515 needs [spi]",
    ]


@pytest.mark.parametrize("text", ["", "title = ", "can = 3\nparts = [1]\ncable = 2"])
def test_what_is_no_description_at_all_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"^mine\.toml "):
        load_board(tmp_path / "mine.toml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml cannot be read \(.*No such file"):
        load_board(tmp_path / "mine.toml")
