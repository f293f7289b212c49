"""`carport profile`: what it prints, what it writes, and what it says of a wrong profile."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from carport.cli.main import carport_command, run
from carport.profile import compile_profile
from carport.profile.installed import installed_profiles, profile_folder
from gateway.profile_file import decode

NAMES = list(installed_profiles())


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command line; return its exit code and what it printed, on either stream."""
    code = run(["profile", *arguments])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def told_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code, text = told(capsys, *arguments, "--json")
    return code, json.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_every_car_of_ours_is_right(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, text = told(capsys, "check", name)
    assert (code, text.startswith(f"{name} is right: ")) == (0, True)
    assert told_json(capsys, "check", name)[1]["ok"] is True


def test_a_wrong_profile_is_told_with_file_and_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(profile_folder("reference"), folder)
    file = folder / "profile.toml"
    text = file.read_text()
    file.write_text(text.replace('"closed"', '"clsed"'))
    line = text[: text.index('"closed"')].count("\n") + 1
    code, error = told(capsys, "check", str(folder))
    assert (code, error) == (2, f"carport: {file}:{line}: no interlock clsed\n")
    for action in ("check", "show", "build"):
        code, fields = told_json(capsys, action, str(folder))
        assert (code, fields["file"], fields["line"]) == (2, str(file), line)
        assert fields["exit_code"] == 2


def test_an_unknown_car(capsys: pytest.CaptureFixture[str]) -> None:
    code, error = told(capsys, "show", "delorean")
    assert code == 2
    assert error.startswith("carport: there is no car delorean: there are leaf-2013, ")


def test_what_is_built_is_what_the_gateway_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "car.cbor"
    code, fields = told_json(capsys, "build", "leaf-2016", "-o", str(file))
    assert (code, fields["bytes"]) == (0, len(file.read_bytes()))
    assert decode(file.read_bytes()) == compile_profile(profile_folder("leaf-2016"))


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, error = told(capsys, "build", "leaf-2016", "-o", str(tmp_path / "no" / "car.cbor"))
    assert code == 1
    assert "choose another -o" in error


@pytest.mark.parametrize("name", NAMES)
def test_show_tells_everything(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, text = told(capsys, "show", name)
    _, fields = told_json(capsys, "show", name)
    assert code == 0
    for path in fields["signals"]:
        assert path.removeprefix("Vehicle.") in text
    for word in (*fields["commands"], *fields["interlocks"], *fields["sources"], fields["tried"]):
        assert word in text
    for bus in fields["buses"]:
        assert [row[0] for row in bus["filters"]] == [one["id"] for one in bus["received"]]
        for message in (*bus["received"], *bus["sent"]):
            assert f"0x{message['id']:03X}" in text


def test_show_says_what_confirms_a_command_and_what_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, fields = told_json(capsys, "show", "leaf-2016")
    assert fields["commands"]["lock"]["confirmed_by"] == [
        "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked equals true"
    ]
    climate = fields["commands"]["climate"]
    assert climate["arguments"]["on"]["confirmed_by"] == "Vehicle.Cabin.HVAC.IsOn"
    assert "its own setting" in climate["unavailable"]["driver_temperature"]
    _, text = told(capsys, "show", "model3")
    assert "lock is refused: the car's own computer sends this frame" in text


def test_names_are_completed() -> None:
    environment = {"_CARPORT_COMPLETE": "bash_complete", "COMP_WORDS": "carport profile show le"}
    result = CliRunner().invoke(
        carport_command, [], prog_name="carport", env={**environment, "COMP_CWORD": "3"}
    )
    names = [line.partition(",")[2] for line in result.output.splitlines()]
    assert names == ["leaf-2013", "leaf-2016", "leaf-2018"]


@pytest.mark.parametrize("action", ["build", "check", "show"])
def test_help_has_examples(capsys: pytest.CaptureFixture[str], action: str) -> None:
    code, text = told(capsys, action, "--help")
    assert (code, "Examples:" in text) == (0, True)


def test_a_bench_shows_what_crosses_between_its_buses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = str(Path(__file__).resolve().parents[1] / "profiles" / "bench")
    _, text = told(capsys, "show", bench)
    line = "From body to powertrain: 0x130, mask 0x7FF, 8 bytes; 5 at once, 20 a second"
    assert line in text.splitlines()
    assert [each["id"] for each in told_json(capsys, "show", bench)[1]["routes"]] == [
        0x130,
        0x1A0,
        0x18FF1234,
        0x18DA1000,
    ]
