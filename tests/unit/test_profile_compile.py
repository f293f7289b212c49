"""The compiled profile: what the command engine reads, and the file in the cache."""

import shutil
from pathlib import Path

import pytest

from carport.profile import ProfileError, compile_profile, compile_to_file, load
from gateway import profile_file
from gateway.cbor import decode, encode
from tests.vm import Both

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"


def test_every_folder_of_gateway_profiles_is_a_profile() -> None:
    folders = [file.parent for file in REFERENCE.parent.glob("*/profile.toml")]
    assert {load(folder).name for folder in folders} == {folder.name for folder in folders}


@pytest.mark.parametrize("folder", [REFERENCE, ODD])
def test_both_interpreters_read_what_was_compiled(both: Both, folder: Path) -> None:
    compiled = compile_profile(folder)
    data = encode(compiled)
    assert both("gateway.cbor", "decode", data) == decode(data)
    assert encode(decode(data)) == data


def test_the_head() -> None:
    compiled = compile_profile(REFERENCE)
    assert [compiled[key] for key in ("name", "title", "version", "buses")] == [
        "reference",
        "Carport reference car",
        1,
        [["body", 500_000]],
    ]
    address, request = 8, 1 | 1 << 10
    assert compiled["wake"] == {
        "frames": [[0, 2, {address: 16, request: 1}]],
        "period_ms": 100,
        "timeout_ms": 2000,
        "stays": True,
    }


def test_a_command_without_arguments() -> None:
    compiled = compile_profile(REFERENCE)
    lock = compiled["commands"]["lock"]
    assert compiled["transmitted"][lock["transmit"]][1] == 0x200
    del lock["confirm"]
    assert lock == {
        "resource": "lock",
        "transmit": 0,
        "values": {2 | 2 << 10: 1},
        "interlocks": ["closed"],
        "always_allowed": {},
        "limit": None,
        "follow_up": None,
        "unavailable": {},
        "period_ms": 100,
        "count": 5,
        "deadline_ms": 300,
        "confirm_ms": 3000,
        "lifetime_ms": 8000,
        "arguments": {},
    }


def test_arguments() -> None:
    compiled = compile_profile(REFERENCE)
    paths = [leaf[0] for leaf in compiled["leaves"]]
    climate = compiled["commands"]["climate"]
    assert climate["limit"] == ["on", 1800]
    assert climate["always_allowed"] == {
        "on": False,
        "front_defrost": False,
        "driver_seat_heating": 0,
        "passenger_seat_heating": 0,
    }
    assert climate["arguments"]["on"] == {
        "place": 2 | 4 << 7 | 1 << 10,
        "leaf": paths.index("Vehicle.Cabin.HVAC.IsOn"),
        "values": [[True, 1], [False, 2]],
    }
    assert climate["arguments"]["driver_temperature"] == {
        "place": 8 | 2 << 10,
        "leaf": paths.index("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"),
        "minimum": 16,
        "maximum": 28,
        "step": 0.5,
        "scale": 0.5,
        "offset": 0,
    }


def test_filters_pass_exactly_what_is_read() -> None:
    read = [0x100, 0x101, 0x110, 0x111, 0x120, 0x130, 0x131, 0x140, 0x141]
    assert compile_profile(REFERENCE)["filters"] == [[[one, 0x7FF, 0] for one in read]]
    assert compile_profile(ODD)["filters"] == [
        [[0x100, 0x7FF, 0], [0x101, 0x7FF, 0], [0x18FF1234, 0x1FFFFFFF, 2]],
        [[0x101, 0x7FF, 0]],
    ]


def test_a_car_without_protection(tmp_path: Path) -> None:
    folder = tmp_path / "odd_car"
    shutil.copytree(ODD, folder)
    text = (folder / "profile.toml").read_text(encoding="utf-8")
    before, _, after = text.partition("[[protection]]")
    after = after[after.index("[commands.push]") :]
    (folder / "profile.toml").write_text(before + after, encoding="utf-8")
    compiled = compile_profile(folder)
    assert [row[5:8] for row in compiled["received"]] == [[None, None, 0]] * 4
    assert [row[4:7] for row in compiled["transmitted"]] == [[None, None, 0]]


def test_a_file_in_the_cache_is_the_compiled_profile(tmp_path: Path) -> None:
    file = compile_to_file(REFERENCE, tmp_path / "cache")
    compiled = compile_profile(REFERENCE)
    assert profile_file.decode(file.read_bytes()) == compiled
    assert file.name == f"reference-{compiled['hash']}.cbor"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_in_the_cache_is_made_once(tmp_path: Path) -> None:
    file = compile_to_file(REFERENCE, tmp_path)
    made = file.stat()
    assert compile_to_file(REFERENCE, tmp_path) == file
    assert file.stat() == made


@pytest.mark.parametrize("name", ["reference.dbc", "vss.json", "profile.toml"])
def test_any_change_gives_another_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE, folder)
    first = compile_to_file(folder, tmp_path)
    assert first.name == compile_to_file(REFERENCE, tmp_path).name
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    second = compile_to_file(folder, tmp_path)
    assert second.name != first.name
    assert compile_profile(folder)["hash"] in second.name


def test_a_wrong_profile_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE, folder)
    (folder / "vss.json").write_text("{}", encoding="utf-8")
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(ProfileError):
        compile_to_file(folder, cache)
    assert not list(cache.iterdir())
