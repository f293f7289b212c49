"""The command line as a contract: what it takes, what it calls, what its help says."""

import shlex
import subprocess
import sys
from itertools import takewhile
from typing import Any

import click
import pytest

from carport.cli.main import _COMMANDS, carport_command, run
from carport.client.known_gateways import KnownGateway
from tests.fake_gateway import FakeGateway

WITH_A_GATEWAY = ("pair", "lock", "unlock", "status", "watch", "signals")
SHELL = ("|", "&&", ">", ">>")
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


def helps(command: click.Command, context: click.Context) -> dict[str, str]:
    """Return the help of a command and of those below it, as a terminal of 80 columns has it."""
    told = {context.command_path: command.get_help(context)}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            told |= helps(below, click.Context(below, context, name, terminal_width=80))
    return told


def examples(text: str) -> list[list[str]]:
    """Return the words of the examples in a help, up to where they are piped on."""
    lines = text.replace("\\\n", "").partition("Example")[2].splitlines()
    words = [shlex.split(line)[1:] for line in lines if line.startswith("    carport ")]
    return [list(takewhile(lambda word: word not in SHELL, each)) for each in words]


def test_each_help_fits_and_has_examples_that_are_taken() -> None:
    told = helps(carport_command, click.Context(carport_command, None, "carport"))
    assert [line for text in told.values() for line in text.splitlines() if len(line) > 80] == []
    del told["carport"]
    for path, text in told.items():
        found = examples(text)
        assert any(words[: len(path.split()) - 1] == path.split()[1:] for words in found), path
        for words in found:
            command: click.Command | None = carport_command
            while isinstance(command, click.Group):
                command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None, path
            command.make_context(command.name, words)


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
