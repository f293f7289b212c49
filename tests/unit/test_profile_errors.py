"""What is wrong with a profile is told in one sentence, with the file and the line."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from carport.errors import CarportError
from carport.profile import ProfileError, load

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"

TOML = "profile.toml"
VSS = "vss.json"
DBC = "reference.dbc"


@dataclass
class Case:
    """Change old to new in a file, and the error says text about the line where at begins.

    at: None if the error is about no line. told_in: the file that it is about, if another one.
    """

    file: str
    old: str
    new: str
    text: str
    at: str | None
    folder: Path = REFERENCE
    told_in: str | None = None
    also: tuple[str, str] = ("", "")


FILES = [
    Case(TOML, "version = 1", "version = ", "is not TOML", "version ="),
    Case(TOML, "Carport reference", "\udcff", "is not utf-8 text", "title ="),
    Case(VSS, '"type": "sensor",', '"type" "sensor",', "is not JSON", '"type" "sensor"'),
    Case(VSS, (REFERENCE / VSS).read_text(), "[]", "holds no VSS paths", None),
    Case(DBC, "273 CLIM_Temperatures: 8", "273 CLIM_Temperatures 8", "DBC:", "BO_ 273"),
    Case(DBC, "HoodOpen : 21|1", "HoodOpen : 20|1", "are overlapping", "BO_ 256"),
    Case(TOML, '"reference.dbc"', '"no.dbc"', "No such file", None, told_in="no.dbc"),
]

KEYS = [
    Case(TOML, 'title = "Carport reference car"\n', "", "title is missing", None),
    Case(TOML, "version = 1", "version = true", "version is True, not a whole", "version ="),
    Case(TOML, "version = 1", "version = 0", "must be above zero", "version ="),
    Case(TOML, "version = 1", "version = 1\ncolour = 3", "unknown key colour", "colour"),
    Case(TOML, "bitrate = ", "speed = 1\nbitrate = ", "unknown key speed", "speed = 1"),
    Case(TOML, "below = 0.5", "below = 0.5, at = 1", "unknown key at", "at = 1"),
    Case(TOML, "count = 5", "counts = 5", "count is missing", "[commands.lock]"),
    Case(TOML, 'name = "body"', "name = 1", "name is 1, not a text", "name = 1"),
    Case(TOML, '["closed"]', "[1]", "interlocks holds 1, not a text", "interlocks = [1]"),
    Case(TOML, "[interlocks.parked]", "[interlocks]\nx = 1\n[interlocks.y]", "a table", "x = 1"),
    Case(TOML, "minimum = 16", "minimum = nan", "minimum is nan, not a number", "= nan"),
    Case(VSS, '"signal": "HoodOpen"', '"signal": "HoodOpen", "x": 1', "unknown key x", '"x"'),
    Case(VSS, '"unit": "celsius"', '"units": "celsius"', "unknown key units", '"units"'),
]

BUSES = [
    Case(TOML, 'name = "reference"', 'name = "other"', "is in the folder", "name ="),
    Case(TOML, "500_000", "500_001", "no bitrate 500001", "bitrate ="),
    Case(TOML, "[[buses]]\n", "buses = []\n[x]\n", "buses is empty", "buses ="),
    Case(TOML, '"second"\nb', '"first"\nb', "first is there twice", '"first"\nbitrate = 125', ODD),
    Case("second.dbc", "SecondBus", "Motorola", "Motorola is in odd.dbc too", "BO_ 257", ODD),
]

WINDOW_CRC = "BODY_WindowStatus: 8 Body\n SG_ CRC : 0|8"
WINDOW_COUNTER = f'{WINDOW_CRC}@1+ (1,0) [0|255] "" Gateway\n SG_ Counter : 8|4'
COUNTER = ('"Counter"', '"N"')

MESSAGES = [
    Case(DBC, "257 BODY_WindowStatus", "257 DRV_Status", "is there twice", "BO_ 304"),
    Case(DBC, "BO_ 305 ", "BO_ 304 ", "has the id of", "DRV_Odometer"),
    Case(DBC, "16|8@1+ (0.5,0)", "16|8@1+ (0,0)", "has a scale of 0", "SG_ SetpointDriver :"),
    Case(DBC, "DoorStatus: 8", "DoorStatus: 9", "longer than a CAN frame", "BO_ 256"),
    Case(DBC, WINDOW_CRC, WINDOW_CRC[:-1] + "7", "is a checksum, but not one", "SG_ CRC : 0|7"),
    Case(DBC, WINDOW_COUNTER, WINDOW_COUNTER[:-3] + "54|4", "not within one byte", ": 54|4"),
    Case(DBC, WINDOW_COUNTER + "@1+", WINDOW_COUNTER + "@1-", "not within one", ": 8|4@1-"),
    Case(DBC, "CRC : 0|8", "CRC : 0|7", "is not where its E2E profile has", "SG_ CRC"),
    Case(DBC, "Counter : 16|8", "Counter : 56|8", "is not where its E2E", "SG_ Counter : 56"),
    Case(DBC, "(1,0) [0|15]", "(1,0) [1|15]", "does not count from 0", "SG_ Counter"),
    Case(TOML, "crc8-j1850-id", "crc16", "no algorithm crc16", '"crc16"'),
    Case(TOML, '"CRC"', '"CRC8"', "BODY_DoorStatus has no signal CRC8", '"CRC8"'),
    Case(TOML, '"CRC"', '"C"', "no message has a signal C or N", "checksum =", ODD, also=COUNTER),
    Case(TOML, "DRV_Status = 0x", "DRV_State = 0x", "has a message DRV_State", "DRV_State"),
    Case(TOML, "DRV_Status = 0x0130", "DRV_Status = -1", "one data ID of two", "DRV_Status = -1"),
    Case(TOML, "[16, ", "[", "profile 2 has 16 data IDs", "BODY_DoorStatus = [17"),
    Case(TOML, "[16, ", "[256, ", "profile 2 has 16 data IDs", "BODY_DoorStatus = [256"),
    Case(
        TOML,
        "{ DRV_Status = 0x0130, DRV_Odometer = 0x0131, "
        "NAV_Latitude = 0x0140, NAV_Longitude = 0x0141 }",
        "{}",
        "data_ids is",
        "autosar-e2e-5",
    ),
    Case(TOML, "DRV_Status = 0x", "GW_BodyCommand = 0x", "protected twice", "GW_BodyCommand = 0x"),
    Case(TOML, "CLIM_Status = 1000", "CLIM_State = 1", "has a message CLIM_State", "CLIM_State"),
    Case(TOML, "CLIM_Status = 1000", "NM_Gateway = 1", "nothing is read from", "NM_Gateway ="),
    Case(TOML, "CLIM_Status = 1000\n", "", "CLIM_Status, which tells", "[timeouts]"),
    Case(TOML, "CLIM_Status = 1000", "CLIM_Status = 0", "must be above zero", "CLIM_Status ="),
]

REVERSE = '"from": "Reverse",\n      "to": -1'
UINT8 = '"datatype": "uint8"'
EIGHT = " ".join(f'{raw} "{raw}"' for raw in range(8))
DRIVE = '"from": "Drive"'
SECOND_SPEED = '"Vehicle.Speed": {\n  "type": "sensor",\n  "datatype": "float"'
MAPPING = (REFERENCE / VSS).read_text().split('"transform": {')[1].split("\n   }")[0]
HALVES = "(0.5,0) [16|28]"

LEAVES = [
    Case(VSS, "Vehicle.Body.Hood.IsOpen", "Body.Hood", "not the path of a VSS leaf", "Body.Hood"),
    Case(VSS, "Vehicle.Body.Hood.IsOpen", "Vehicle.Speed", "is there twice", SECOND_SPEED),
    Case(VSS, '"type": "sensor"', '"type": "branch"', "no type branch", '"branch"'),
    Case(VSS, '"boolean"', '"bool"', "no datatype bool", '"bool"'),
    Case(VSS, '"HoodOpen"', '"Bonnet"', "no message has a signal Bonnet", "Bonnet"),
    Case(VSS, '"HoodOpen"', '"CRC"', "is in several messages: BODY_DoorStatus,", '"CRC"'),
    Case(VSS, '"HoodOpen"', '"LockRequest"', "which the gateway sends", "LockRequest"),
    Case(VSS, '"HoodOpen"', '"Speed"', "a boolean needs a mapping", '"Speed"'),
    Case(VSS, REVERSE, REVERSE.replace("Reverse", "Back"), "Gear has no value", '"Back"'),
    Case(VSS, REVERSE, REVERSE.replace("Reverse", "Drive"), "Drive' is mapped twice", DRIVE),
    Case(VSS, REVERSE, REVERSE.replace("-1", '"R"'), "'R' is not a int8", "Reverse"),
    Case(VSS, REVERSE, REVERSE.replace("-1", "true"), "True is not a int8", "Reverse"),
    Case(VSS, REVERSE, REVERSE.replace("-1", "-129"), "-129 is not a int8", "Reverse"),
    Case(VSS, REVERSE, REVERSE.replace('"Reverse"', "1"), "is called 'Reverse'", '"from": 1'),
    Case(VSS, REVERSE, REVERSE.replace('"Reverse"', "[1]"), "neither a name nor", '"from": [1]'),
    Case(VSS, REVERSE, REVERSE.replace('"Reverse"', "8"), "is outside Gear's 0 to 7", '"from": 8'),
    Case(VSS, REVERSE, REVERSE.replace('"Reverse"', "4.5"), "between the steps", '"from": 4.5'),
    Case(VSS, UINT8, '"datatype": "string"', "a string needs a mapping", "WindowFrontLeft"),
    Case(VSS, '"float"', '"int8"', "CabinTemperature does not fit in a int8", '"int8"'),
    Case(DBC, HALVES, "(0.5,0) [16.1|16.2]", "no value of Set", '"SetpointDriver"', told_in=VSS),
    Case(DBC, "(0.5,0)", "(0.12345678901234567,0)", "many digits", ".Driver.T", told_in=VSS),
    Case(VSS, '"mapping": [', '"mapping": [], "x": [', "unknown key x", '"x"'),
    Case(VSS, MAPPING, '"mapping": []', "the mapping is empty", '"mapping": []'),
    Case("odd.dbc", "257 Level 0", "257 Single 0", "needs a mapping", '"Single"', ODD, VSS),
    Case("odd.dbc", '7 "Odd"', EIGHT, "Narrow has names only", '"Narrow"', ODD, VSS),
    Case("odd.dbc", "M : 0|4@1+", "M : 0|4@1-", "not multiplexed by one", "SG_ Mass", ODD),
    Case("odd.dbc", "BA_DEF_ ", "SIG_VALTYPE_ 257 Wide : 1;\nBA_DEF_ ", "IEEE", "SG_ Wide", ODD),
]

LEVEL = '"Vehicle.Odd.Level"\nvalues = { 1 = 16_777_215, 2 = 0 }'
ON_OFF = 'values = { true = "On", false = "Off" }'
POWER = 'VAL_ 528 PowerRequest 0 "NoRequest"'
SIXTEEN = "minimum = 16"
BUTTON = " SG_ Button : 0"
MULTIPLEXED = ' SG_ M M : 2|2@1+ (1,0) [0|3] "" Car\n SG_ Button m1 : 0'
LOCK = 'message = "GW_BodyCommand"\nsignals = { LockRequest = "Lock" }'

CONDITIONS = [
    Case(TOML, 'silent = "allow"', 'silent = "maybe"', '"allow" or "refuse"', '"maybe"'),
    Case(TOML, 'all = [{ vss = "V', 'all = []\nx = [{ vss = "V', "charged has no", "all = []"),
    Case(TOML, "Vehicle.Speed", "Vehicle.Spee", "not in the VSS mapping", '"Vehicle.Spee"'),
    Case(TOML, "below = 0.5", "above = 1, below = 2", "needs one of", "above = 1"),
    Case(TOML, ", below = 0.5", "", "needs one of", '"Vehicle.Speed" }'),
    Case(TOML, "below = 0.5", "below = true", "True is not a number", "below = true"),
    Case(TOML, "below = 0.5", "below = 0", "0 is not within Vehicle.Speed's 0 to", "below = 0"),
    Case(TOML, "below = 0.5", "below = 300", "300 is not within", "below = 300"),
    Case(TOML, "below = 0.5", "equals = 300.01", "is outside Speed's 0 to 300", "equals = 300"),
    Case(TOML, "below = 0.5", "equals = 0.005", "between the steps of Speed", "equals = 0.005"),
    Case(TOML, "below = 0.5", 'equals = "x"', "is a number, not 'x'", 'equals = "x"'),
    Case(TOML, "equals = true", "equals = 1", "IsParkLockEngaged is never 1", "equals = 1 }"),
    Case(TOML, "equals = true", "above = 0.5", "IsParkLockEngaged has no range", "above = 0.5"),
    Case(TOML, 'IsOpen", equals = false', 'IsOpen", equals = 0', "is never 0", "equals = 0"),
]

COMMANDS = [
    Case(TOML, 'resource = "lock"', 'resource = "horn"', "no resource horn", '"horn"'),
    Case(TOML, "NM_Gateway", "NM_Car", "no DBC has a message NM_Car", '"NM_Car"'),
    Case("odd.dbc", BUTTON, MULTIPLEXED, "Push is multiplexed", 'message = "Push"', ODD, TOML),
    Case(TOML, "{ LockRequest", "{ Request", "has no signal Request", "{ Request"),
    Case(TOML, '= "Lock" }', '= "Bolt" }', "LockRequest has no value 'Bolt'", '"Bolt"'),
    Case(TOML, '= "Lock" }', "= 1 }", "1 is called 'Lock'", "LockRequest = 1"),
    Case(TOML, '= "Lock" }', "= 4 }", "4 is outside LockRequest's 0 to 3", "LockRequest = 4"),
    Case(TOML, '= "Lock" }', '= "Lock", Counter = 1 }', "filled in by the gateway", "Counter = 1"),
    Case(TOML, ", WakeRequest = 1", "", "WakeRequest has neither", 'message = "NM_Gateway"'),
    Case(TOML, LOCK, 'message = "GW_BodyCommand"', "asks for nothing", "[commands.lock]"),
    Case(TOML, "confirm = [", "confirm = []\nx = [", "nothing confirms", "[commands.lock]"),
    Case(TOML, "count = 5", "count = 31", "after confirm_ms", "confirm_ms = 3000"),
    Case(TOML, "deadline_ms = 300", "deadline_ms = 8001", "more than lifetime_ms", "= 8001"),
    Case(TOML, '["closed"]', '["shut"]', "no interlock shut", '"shut"'),
    Case(TOML, '["closed"]', '["closed", "closed"]', "closed is there twice", '"closed", '),
    Case(TOML, "after_s = 1800", "after_s = 86401", "more than a day", "after_s"),
    Case(TOML, 'argument = "on"', 'argument = "heat"', "no argument heat", '"heat"'),
    Case(TOML, "{ on = false, ", "{ ", "on = false is not always allowed", "limit ="),
    Case(TOML, "{ on = false, ", "{ on = 0, ", "on is never 0", "on = 0"),
    Case(TOML, "{ on = false, ", "{ off = false, ", "no argument off", "off = false"),
    Case(TOML, "_seat_heating = 0,", "_seat_heating = 0.5,", "is never 0.5", "= 0.5,"),
    Case(TOML, "_seat_heating = 0,", "_seat_heating = false,", "never False", "heating = false"),
]

ARGUMENTS = [
    Case(TOML, '"PowerRequest"', '"Power"', "has no signal Power", '"Power"'),
    Case(TOML, '"PowerRequest"', '"CRC"', "filled in by the gateway", 'signal = "CRC"'),
    Case(TOML, '"PowerRequest"', '"FrontDefrostRequest"', "more than once", '"FrontDefrost'),
    Case(TOML, "HVAC.IsOn", "HVAC.IsOff", "not in the VSS mapping", "HVAC.IsOff"),
    Case(DBC, POWER, POWER.replace("No", "A"), "could not be left", '"PowerR', told_in=TOML),
    Case(TOML, ON_OFF, "values = {}", "values is empty", "values = {}"),
    Case(TOML, "values = { true", "values = { maybe", "is never 'maybe'", "maybe"),
    Case(TOML, 'true = "On"', 'true = "Maybe"', "has no value 'Maybe'", "Maybe"),
    Case(TOML, 'true = "On"', 'true = "NoRequest"', "asks for nothing", "NoRequest"),
    Case(TOML, 'true = "On"', 'true = "Off"', "'Off' is there twice", 'true = "Off"'),
    Case(TOML, LEVEL, LEVEL.replace("{ 1", "{ 254"), "254 is called 'Fault'", "254", ODD),
    Case(TOML, LEVEL, LEVEL.replace("{ 1", "{ 256"), "256 is outside Level's", "256", ODD),
    Case(TOML, LEVEL, LEVEL.replace("{ 1", "{ '1.5'"), "between the steps", "1.5", ODD),
    Case(TOML, LEVEL, LEVEL.replace("{ 1", "{ one"), "is a number, not 'one'", "one =", ODD),
    Case(TOML, LEVEL, '"Vehicle.Odd.Mode"\nvalues = { UP = 1 }', "is never 'UP'", "UP", ODD),
    Case(DBC, "SetpointDriver 255", "SetpointDriver 40", "20 is called", SIXTEEN, told_in=TOML),
    Case(TOML, ON_OFF, "minimum = 0\nmaximum = 1\nstep = 1", "it needs values", "minimum"),
    Case(TOML, "step = 0.5", "step = 0", "step is 0: it must be above zero", "step = 0"),
    Case(TOML, "maximum = 28", "maximum = 16", "is not above minimum", "maximum = 16"),
    Case(TOML, "maximum = 28", "maximum = 28.2", "no whole number of steps", "step ="),
    Case(TOML, "maximum = 28", "maximum = 28.5", "outside SetpointDriverRequest's", "= 28.5"),
    Case(TOML, "minimum = 16", "minimum = 15.5", "outside SetpointDriverRequest's", "= 15.5"),
    Case(TOML, "step = 0.5", "step = 0.25", "SetpointDriverRequest has no steps of", "= 0.25"),
]

LEAF = REPOSITORY / "gateway" / "profiles" / "leaf-2016"
MATH = '"(x - 32) * 5 / 9"'
BASE = "../leaf/leaf.toml"

LEAVES_OF_LEAF = [
    Case(VSS, MATH, '"x * x"', "'x * x' is not a straight line in x", '"x * x"', LEAF),
    Case(VSS, MATH, '"5 / x"', "not a straight line in x", '"5 / x"', LEAF),
    Case(VSS, MATH, '"x / 0"', "not a straight line in x", '"x / 0"', LEAF),
    Case(VSS, MATH, '"7"', "does not depend on x", '"7"', LEAF),
    Case(VSS, MATH, '"x +"', "is no arithmetic", '"x +"', LEAF),
    Case(VSS, MATH, '"abs(x)"', "has more in it than numbers", '"abs(x)"', LEAF),
    Case(VSS, MATH, '"x ** 2"', "not a straight line", '"x ** 2"', LEAF),
    Case(VSS, '"default": true', '"default": 1', "1 is not a boolean", '"default": 1', LEAF),
    Case(
        VSS, "Cabin.HVAC.IsOn", "Speed", "Vehicle.Speed is in another mapping", '"Vehicle.S', LEAF
    ),
]

WAKES = [
    Case(TOML, 'until = "awake"', 'until = "x"', 'not "awake" or "done"', "until =", LEAF),
    Case(TOML, "after_ms = 50", "after_ms = 1000", "stays below period_ms", "after_ms =", LEAF),
    Case(TOML, '"TCU_Command"', '"TCU_Comand"', "has a message TCU_Comand", "TCU_Comand", LEAF),
    Case(TOML, 'Command = "Wake"', 'Command = "Wak"', "no value 'Wak'", '"Wak"', LEAF),
    Case(TOML, BASE, "../leaf/no.toml", "No such file", None, LEAF, told_in="../leaf/no.toml"),
]

ARGUMENT = "[commands.climate.arguments.driver"
SPEED = '{ vss = "Vehicle.Speed", below = 0.5 }'
TRUNK = '{ vss = "Vehicle.Body.Trunk.Rear.IsOpen", equals = false }'

FOLLOWING = [
    Case(BASE, "after_ms = 1000", "after_ms = 6000", "after confirm_ms", "confirm_ms = 8", LEAF),
    Case(BASE, "equals = true\nafter", "equals = 1\nafter", "never 1", "equals = 1", LEAF),
    Case(BASE, 'argument = "on"\nequals', 'argument = "of"\nequals', "no ar", '"of"', LEAF),
    Case(BASE, "unavailable = ", "x = ", "signal is missing", ARGUMENT, LEAF),
    Case(BASE, SPEED, f"{SPEED}, {TRUNK}", "on several buses", f"all = [{SPEED}", LEAF),
]

CASES = (
    LEAVES_OF_LEAF
    + WAKES
    + FOLLOWING
    + FILES
    + KEYS
    + BUSES
    + MESSAGES
    + LEAVES
    + CONDITIONS
    + COMMANDS
    + ARGUMENTS
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.old[:30]!r} {case.text}")
def test_error(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / case.folder.name
    shutil.copytree(case.folder, folder)
    shutil.copytree(LEAF.parent / "leaf", tmp_path / "leaf")
    file = folder / case.file
    before = file.read_text(encoding="utf-8")
    assert case.old in before
    after = before.replace(case.old, case.new, 1).replace(*case.also)
    file.write_text(after, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ProfileError) as caught:
        load(folder)
    error = caught.value
    assert isinstance(error, CarportError)
    assert case.text in str(error)
    told_in = folder / (case.told_in or case.file)
    assert error.file == told_in
    line = None
    if case.at is not None:
        text = told_in.read_text(encoding="utf-8", errors="replace")
        line = text.count("\n", 0, text.index(case.at)) + 1
    assert error.line == line
    assert str(error).startswith(f"{told_in}:{line}: " if line else f"{told_in}: ")
