"""The command line as a contract: what it takes, what it calls, what its help says."""

import subprocess
import sys
from typing import Any

import click
import pytest

from carport.cli.main import _COMMANDS, carport_command, run
from carport.client.known_gateways import KnownGateway
from tests.fake_gateway import FakeGateway

WITH_A_GATEWAY = ("pair", "lock", "unlock", "status", "watch", "signals")
HEAVY = ("aiocoap", "cbor2", "cryptography", "rich", "segno", "serial", "can", "cantools")


@pytest.fixture
def arguments(paired: KnownGateway, fake_gateway: FakeGateway) -> Any:
    """Run a climate command; return the arguments that the gateway was sent."""

    def sent(*words: str) -> dict[str, Any] | None:
        assert run(["climate", *words]) == 0
        found: dict[str, Any] | None = fake_gateway.commands[-1].get("arguments")
        return found

    return sent


def test_on_and_off(arguments: Any) -> None:
    assert arguments("on") == {"on": True}
    assert arguments("off") == {"on": False}


def test_all_settings(arguments: Any) -> None:
    assert arguments(
        *("on", "--temp", "21.5", "--passenger-temp", "19", "--defrost"),
        *("--seat", "50", "--seat", "passenger=20"),
    ) == {
        "on": True,
        "driver_temperature": 21.5,
        "passenger_temperature": 19.0,
        "front_defrost": True,
        "driver_seat_heating": 50,
        "passenger_seat_heating": 20,
    }


def test_settings_without_switching(arguments: Any) -> None:
    assert arguments("set", "--no-defrost", "--seat", "driver=0") == {
        "front_defrost": False,
        "driver_seat_heating": 0,
    }


@pytest.mark.parametrize(
    "words",
    [
        ["climate", "set"],
        ["climate", "on", "--seat", "back=10"],
        ["climate", "on", "--seat", "-5"],
        ["climate", "on", "--temp", "warm"],
        ["climate", "off", "--temp", "20"],
        ["climate", "up"],
        ["lock", "--timeout", "0"],
        ["lock", "--timeout", "soon"],
        ["lock", "--timeout", "nan"],
        ["lock", "--timeout", "inf"],
        ["lock", "--via", "pigeon"],
        ["lock", "--via", "lan", "--port", "/dev/ttyUSB0"],
        ["lock", "now"],
        ["watch", "--count", "0"],
        ["pair", "--role", "driver"],
        ["pair", "--context", "new", "--role", "king"],
        ["completion", "tcsh"],
        ["open"],
    ],
)
def test_wrong_usage_is_exit_code_2_in_one_sentence(
    paired: KnownGateway,
    fake_gateway: FakeGateway,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(words) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("carport: ")
    assert output.err.count("\n") == 1
    assert fake_gateway.commands == []


@pytest.mark.parametrize("name", [*WITH_A_GATEWAY, "discover", "completion", "climate"])
def test_each_help_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0

    assert f"  carport {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", WITH_A_GATEWAY)
def test_who_talks_to_a_gateway_has_the_common_options(name: str) -> None:
    command = carport_command.get_command(click.Context(carport_command), name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}

    assert {"--gateway", "--via", "--port", "--timeout", "--json"} <= options


def test_the_help_lists_all_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0

    text = capsys.readouterr().out
    assert [name for name in _COMMANDS if f"  {name} " not in text] == []
    assert "6  sent but not confirmed" in text


def test_help_and_usage_errors_import_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from carport.cli.main import run\n"
        "run(['--help']); run(['lock', '--help']); run(['climate', 'set'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_carport(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0

    assert f"_CARPORT_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("un", ["unlock"]),
        ("lock --gateway t", ["test"]),
        ("signals Vehicle.Speed Vehicle.Trav", ["Vehicle.TraveledDistance"]),
    ],
)
def test_commands_gateways_and_paths_are_completed(
    paired: KnownGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    expected: list[str],
) -> None:
    monkeypatch.setenv("_CARPORT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"carport {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    with pytest.raises(SystemExit):
        run([])

    assert capsys.readouterr().out.splitlines() == [f"plain,{word}" for word in expected]
