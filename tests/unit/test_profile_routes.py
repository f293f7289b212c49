"""Routes in a profile: how they are compiled, and what is wrong with them, by file and line."""

import shutil
from pathlib import Path

import pytest

from carport.profile import ProfileError, compile_profile, load

REPOSITORY = Path(__file__).resolve().parents[2]
BENCH = REPOSITORY / "tests" / "profiles" / "bench"
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"

MASKED = "id = 0x1A0\nmask = 0x7F0\n"
LOCK = "[commands.lock]"


def again(**changes: object) -> str:
    """Return the first route once more, with changes, and what follows it."""
    keys = {
        "from": "body",
        "to": "powertrain",
        "id": 0x130,
        "length": 8,
        "rate_hz": 20,
        "burst": 5,
    }
    lines = [f"{key} = {value!r}" for key, value in {**keys, **changes}.items()]
    return "\n".join(["[[routes]]", *lines, "", LOCK])


# Replaced, by, what the error says, where the line begins that it is about.
ERRORS = [
    ('to = "powertrain"', 'to = "chassis"', "no bus chassis", "to ="),
    ('from = "body"', 'from = "engine"', "no bus engine", "from ="),
    ('to = "powertrain"', 'to = "body"', "a route leads to another bus", "to ="),
    ("id = 0x130\nmask = 0x7FF", "id = 0x800", "id 0x800 is not in 0..0x7ff", "id = 0x800"),
    ("id = 0x130\nmask = 0x7FF", "id = -1", "id -0x1 is not in 0..0x7ff", "id = -1"),
    ("mask = 0x7FF\n", "mask = 0x800\n", "mask 0x800 is not in 0..0x7ff", "mask = 0x8"),
    ("mask = 0x7FF\n", "mask = 0x70F\n", "has bits that mask 0x70f ignores", "mask = 0x70F"),
    ("mask = 0x1FFFFF0F", "mask = 0x20000000", "is not in 0..0x1fffffff", "mask = 0x2"),
    ("length = 8\nrate_hz = 20", "length = 9\nrate_hz = 20", "9 is not in 0..8", "length = 9"),
    ("length = 8\nrate_hz = 20", "length = -1\nrate_hz = 20", "-1 is not in 0..8", "length = -"),
    ("rate_hz = 20", "rate_hz = 0", "rate_hz is 0: it must be above zero", "rate_hz = 0"),
    ("rate_hz = 20", "rate_hz = 10_001", "rate_hz 10001 is more than 10000", "rate_hz = 10_"),
    ("burst = 5", "burst = 0", "burst is 0: it must be above zero", "burst = 0"),
    ("burst = 5", "burst = 5\nspeed = 1", "unknown key speed", "speed"),
    ("burst = 5\n", "", "burst is missing", "[[routes]]"),
    ("burst = 5", "burst = 62", "the bursts to powertrain are more than 64", "burst = 3"),
    ("burst = 2", "burst = 8", "the bursts to body are more than 64 frames", "burst = 8"),
    ("id = 0x130\n", "id = 0x1A8\n", "LockCommand is the gateway's own", "id = 0x1A8"),
    (LOCK, again(mask=0x7F0), "an earlier route lets the same ids through", "id = 0x130\nmask"),
    (
        LOCK,
        again(**{"from": "powertrain", "to": "body"}),
        "an earlier route lets the same ids through, back",
        "id = 0x130\nmask",
    ),
]


@pytest.mark.parametrize(("old", "new", "text", "at"), ERRORS, ids=[each[2] for each in ERRORS])
def test_error(old: str, new: str, text: str, at: str, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    shutil.copytree(BENCH, folder)
    file = folder / "profile.toml"
    before = file.read_text()
    assert old in before
    after = before.replace(old, new, 1)
    file.write_text(after)
    with pytest.raises(ProfileError) as caught:
        load(folder)
    assert text in str(caught.value)
    assert caught.value.file == file
    assert caught.value.line == after.count("\n", 0, after.index(at)) + 1


def test_compiled() -> None:
    compiled = compile_profile(BENCH)
    assert compiled["routes"] == [
        [0, 1, 0x130, 0x7FF, False, 8, 20, 5],
        [1, 0, 0x1A0, 0x7F0, False, 4, 50, 2],
        [0, 1, 0x18FF1234, 0x1FFFFFFF, True, 8, 10, 3],
        [1, 0, 0x18DA1000, 0x1FFFFF0F, True, 2, 100, 1],
    ]
    assert compile_profile(REFERENCE)["routes"] == []


def test_no_car_that_carport_comes_with_has_routes() -> None:
    cars = [file.parent for file in REFERENCE.parent.glob("*/profile.toml")]
    assert len(cars) > 1
    assert [load(car).name for car in cars if load(car).routes] == []


def test_the_filters_let_in_what_is_read_and_what_is_routed() -> None:
    assert compile_profile(BENCH)["filters"] == [
        [[0x100, 0x7FF, 0], [0x130, 0x7FF, 0], [0x18FF1234, 0x1FFFFFFF, 2]],
        [[0x200, 0x7FF, 0], [0x1A0, 0x7F0, 0], [0x18DA1000, 0x1FFFFF0F, 2]],
    ]


def test_what_is_read_and_routed_has_one_filter(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    shutil.copytree(BENCH, folder)
    file = folder / "profile.toml"
    file.write_text(file.read_text().replace("id = 0x130", "id = 0x100", 1))
    assert compile_profile(folder)["filters"][0][:2] == [
        [0x100, 0x7FF, 0],
        [0x18FF1234, 0x1FFFFFFF, 2],
    ]
