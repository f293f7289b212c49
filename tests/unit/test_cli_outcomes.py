"""What commands print, and the exit codes of everything that can come of them."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiocoap
import pytest

from carport.cli import watch
from carport.cli.main import run
from carport.cli.output import print_json, say
from carport.cli.vss import profile_paths
from carport.client.known_gateways import KnownGateway
from tests.fake_gateway import Cable, FakeGateway, receipt

pytestmark = pytest.mark.usefixtures("paired")


def plain(code: Any, text: bytes = b"because") -> Any:
    return lambda command: aiocoap.Message(code=code, payload=text)


def state(name: str) -> Any:
    return lambda command: receipt(command, name, reason="so it is")


def silence(command: dict[str, Any]) -> None:
    """Answer nothing."""


OUTCOMES = [
    (receipt, 0),
    (plain(aiocoap.CONFLICT), 1),
    (plain(aiocoap.INTERNAL_SERVER_ERROR), 1),
    (plain(aiocoap.BAD_REQUEST), 2),
    (state("refused"), 3),
    (plain(aiocoap.UNAUTHORIZED), 4),
    (plain(aiocoap.FORBIDDEN), 4),
    (silence, 5),
    (plain(aiocoap.SERVICE_UNAVAILABLE), 1),
    (state("unconfirmed"), 6),
    (state("expired"), 6),
    (state("indeterminate"), 6),
]


def waiting_for(script: Any) -> list[str]:
    """Return the option that waits as long as need be for an answer, and not for none."""
    return ["--timeout", "0.5" if script is silence else "60"]


@pytest.mark.parametrize("command", ["lock", "unlock", "climate on"])
@pytest.mark.parametrize(("script", "exit_code"), OUTCOMES)
def test_exit_codes(fake_gateway: FakeGateway, command: str, script: Any, exit_code: int) -> None:
    fake_gateway.script = script

    assert run([*command.split(), *waiting_for(script)]) == exit_code


@pytest.mark.parametrize(("script", "exit_code"), OUTCOMES[1:])
def test_an_error_is_one_sentence_on_stderr_or_an_object_on_stdout(
    fake_gateway: FakeGateway,
    script: Any,
    exit_code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_gateway.script = script
    words = ["unlock", *waiting_for(script)]

    run(words)
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    sentence = output.err.removeprefix("carport: ").strip()

    run([*words, "--json"])
    output = capsys.readouterr()
    assert output.err == ""
    fields = json.loads(output.out)
    assert fields["exit_code"] == exit_code
    if exit_code != 5:  # that one tells the time
        assert fields["error"] == sentence


def test_the_error_of_a_command_brings_its_receipt(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.script = state("refused")
    run(["unlock", "--json"])

    fields = json.loads(capsys.readouterr().out)
    assert (fields["command"], fields["state"], fields["reason"]) == (
        "unlock",
        "refused",
        "so it is",
    )


def test_a_lock_says_what_the_car_confirmed_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock"]) == 0

    output = capsys.readouterr()
    assert output.out.splitlines() == [
        "Locked: the car confirmed it after 140 ms.",
        "  frame 3A0 on body: 00 01 02 03 04 05 06 07",
    ]
    assert output.err == ""


def test_a_command_prints_its_receipt_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", "--json"]) == 0

    fields = json.loads(capsys.readouterr().out)
    assert fields["state"] == "confirmed"
    assert set(fields) >= {"command", "id", "state", "reason", "elapsed_ms", "evidence"}
    assert fields["evidence"][0]["data"] == "0001020304050607"


@pytest.mark.parametrize("name", ["status", "signals"])
def test_signals_as_json(
    fake_gateway: FakeGateway, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.values = {"Speed": 3.5, "Cabin.HVAC.IsOn": True}
    assert run([name, "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["Vehicle.Speed"] == {"value": 3.5, "age_ms": 250}
    assert told["Vehicle.Cabin.HVAC.IsOn"] == {"value": True, "age_ms": 250}
    others = [each for path, each in told.items() if path not in fake_gateway.paths]
    assert all(each == {"value": None, "age_ms": None} for each in others)


def test_a_signal_that_was_never_received_has_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["signals", "Vehicle.Speed", "Vehicle.TraveledDistance", "--json"]) == 0

    fields = json.loads(capsys.readouterr().out)
    assert fields["Vehicle.TraveledDistance"] == {"value": None, "age_ms": None}
    assert fields["Vehicle.Speed"]["value"] == 0.0


def test_status_as_json_has_every_path_of_the_profile(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["status", "--json"]) == 0

    assert set(json.loads(capsys.readouterr().out)) == set(profile_paths("reference"))


def test_status_tells_the_car_in_a_few_rows(
    fake_gateway: FakeGateway, paired: KnownGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(paired, profile=None).save()
    fake_gateway.values = {
        "Cabin.Door.Row1.DriverSide.IsLocked": True,
        "Cabin.Door.Row2.PassengerSide.IsLocked": False,
        "Body.Trunk.Rear.IsLocked": True,
        "Body.Hood.IsOpen": False,
        "Cabin.Door.Row1.DriverSide.IsOpen": False,
        "Cabin.Door.Row1.DriverSide.Window.Position": 40,
        "Cabin.HVAC.IsOn": True,
        "Cabin.HVAC.AmbientAirTemperature": 18.5,
    }
    assert run(["status"]) == 0

    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        "Locks locked: rear trunk, front driver; unlocked: rear passenger 250 ms ago",
        "Doors all closed 250 ms ago",
        "Windows all 40 250 ms ago",
        "Climate on 250 ms ago",
        "Cabin 18.5 250 ms ago",
    ]


def test_status_never_says_all_of_what_it_knows_in_part(
    fake_gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    fake_gateway.values = {
        "Cabin.Door.Row1.DriverSide.IsLocked": True,
        "Cabin.Door.Row1.PassengerSide.IsLocked": True,
    }
    assert run(["status"]) == 0

    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == (
        "Locks locked: front driver, front passenger; "
        "not known: rear trunk, rear driver, rear passenger 250 ms ago"
    )
    assert rows[1] == "Doors all not known"


def test_watch_prints_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["watch", "--count", "1"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "Vehicle.Cabin.HVAC.IsOn no",
        "Vehicle.Speed 0",
    ]


def test_watch_prints_an_object_a_line_until_its_time_is_over(
    leap_on: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def print_and_leap(fields: dict[str, Any]) -> None:
        print_json(fields)
        leap_on()

    monkeypatch.setattr(watch, "print_json", print_and_leap)
    assert run(["watch", "--seconds", "50", "--json"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["Vehicle.Speed"]["value"] for line in lines] == [0.0]


def test_watch_ends_with_an_error_where_nobody_answers(
    fake_gateway: FakeGateway, paired: KnownGateway
) -> None:
    fake_gateway.forget_keys()

    assert run(["watch", "--count", "1"]) == 4


def test_pair_as_json_tells_where_and_nothing_secret(
    cable: Cable, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["pair", "--port", cable.port, "--name", "second", "-v", "--json"]) == 0

    output = capfd.readouterr()
    fields = json.loads(output.out)
    assert (fields["gateway"], fields["serial"]) == ("second", cable.port)
    for settings in home.rglob("settings.json"):
        secret = json.loads(settings.read_text())["secret_hex"]
        assert secret not in output.out + output.err


def test_one_more_context_for_another_program(
    tmp_path: Path, paired: KnownGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "phone"
    assert run(["pair", "--context", str(folder), "--role", "driver", "--json"]) == 0

    fields = json.loads(capsys.readouterr().out)
    assert fields["context"] == str(folder)
    pattern = f"coap://{paired.addresses[0]}/*"
    credentials = json.loads((folder / "credentials.json").read_text())
    assert credentials == {pattern: {"oscore": {"basedir": str(folder)}}}
    assert "secret_hex" in json.loads((folder / "settings.json").read_text())

    assert run(["pair", "--context", str(folder)]) == 2
    assert "holds a context already" in capsys.readouterr().err


def test_a_context_pairs_first_where_nothing_is_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cable: Cable
) -> None:
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "another home"))

    assert run(["pair", "--port", cable.port, "--context", str(tmp_path / "new")]) == 0
    assert run(["lock"]) == 0


def test_closed_pairing_is_exit_code_4(
    fake_gateway: FakeGateway, cable: Cable, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.is_pairing_open = False

    assert run(["pair", "--port", cable.port, "--name", "second"]) == 4
    assert "button for 3 s" in capsys.readouterr().err


def test_pairing_twice_says_that_it_is_paired(
    fake_gateway: FakeGateway, cable: Cable, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_gateway.is_pairing_open = False

    assert run(["pair", "--port", cable.port, "--name", "other"]) == 4

    assert f"test at {cable.port} is paired with this computer already" in capsys.readouterr().err


def test_no_line_ends_within_a_word_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "It works once.\n  carport pair --invitation - and a few words more than there is room"
    say(text)
    assert capsys.readouterr().out == f"{text}\n"

    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    say(text)
    assert capsys.readouterr().out.splitlines() == [
        "It works once.",
        "  carport pair --invitation -",
        "  and a few words more than",
        "  there is room",
    ]


@pytest.mark.parametrize(
    ("words", "file", "what"), [([], None, "the output"), (["--json"], "/home/ann/keys", "keys")]
)
def test_a_disk_that_is_full_is_said_in_one_sentence(
    words: list[str],
    file: str | None,
    what: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*anything: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", file)

    monkeypatch.setattr("carport.client.known_gateways.known_gateways", full)

    assert run(["discover", "--timeout", "0", *words]) == 1

    out, err = capsys.readouterr()
    said = json.loads(out)["error"] if words else err
    assert f"{what} cannot be written (No space left on device): see to that" in said
