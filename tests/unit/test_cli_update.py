"""`carport update`: what it says, and how it ends; the board's slots are a model."""

import json
from pathlib import Path

import pytest

from carport.cli.main import run
from carport.client import update
from carport.client.known_gateways import find_gateway
from carport.install import package as packages
from tests.models.slots import Slots, make_package
from tests.unit.conftest import CtrlC

pytestmark = pytest.mark.usefixtures("paired")

NAME_ONE = "name one that `carport update --build` wrote"
NO_PACKAGE = f"this is no package: {NAME_ONE}"


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> Slots:
    """The slots of the gateway, which are asked without a pause."""
    slots = Slots("a")
    monkeypatch.setattr(update, "Updates", lambda client: slots)
    monkeypatch.setattr(update, "_POLL_S", 0)
    return slots


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A package for the gateway."""
    path = tmp_path / "update.carport"
    path.write_bytes(make_package())
    return path


def test_it_tells_what_runs_now(
    slots: Slots, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["update", "--package", str(file)]) == 0
    told, meanwhile = capsys.readouterr()
    assert "car runs 0.2.0, and has confirmed it" in told
    assert meanwhile.splitlines() == [
        "Sending to car",
        "car restarts with it",
        "On trial: it is kept once it has run well for a minute",
    ]


def test_json_is_one_object(slots: Slots, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["update", "--package", str(file), "--json"]) == 0
    told, meanwhile = capsys.readouterr()
    fields = json.loads(told)
    assert fields.pop("elapsed_ms") >= 0
    assert fields.pop("sha256") == packages.read_header(file.read_bytes())["sha256"].hex()
    assert fields == {
        "gateway": "car",
        "from": "0.1.0",
        "version": "0.2.0",
        "board": "t-2can",
        "size": 5000,
        "mpy": 6,
        "state": "confirmed",
    }
    assert meanwhile == ""


def test_it_is_not_sent_twice(
    slots: Slots, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["update", "--package", str(file)]) == 0
    sent = len(slots.puts)
    assert run(["update", "--package", str(file)]) == 0
    assert "runs this very firmware already: 0.2.0" in capsys.readouterr().out
    assert len(slots.puts) == sent
    assert run(["update", "--package", str(file), "--force"]) == 0
    assert "has confirmed it" in capsys.readouterr().out
    assert len(slots.puts) == 2 * sent


def test_without_a_file_it_builds_for_that_board_and_car(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[str, str]] = []

    def build(board: str, car: str) -> bytes:
        built.append((board, car))
        return make_package(board=board, car=car)

    monkeypatch.setattr(packages, "build_package", build)
    assert run(["update"]) == 0
    assert run(["update", "--car", "leaf-2018"]) == 0
    assert built == [("t-2can", "reference"), ("t-2can", "leaf-2018")]
    assert find_gateway(None).profile == "leaf-2018"


def test_a_rollback_ends_with_6(
    slots: Slots, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slots.fate = "bad"
    assert run(["update", "--package", str(file)]) == 6
    assert "went back to 0.1.0 (it crashed: MemoryError)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "words", "exit_code", "what"),
    [
        ({"board": "rejsacan-6"}, [], 3, "is for rejsacan-6, and this board is t-2can"),
        ({"version": "0.0.9"}, [], 3, "older than 0.1.0"),
        ({"version": "0.0.9"}, ["--force"], 3, "connect the cable"),
        ({"sha256": bytes(32)}, [], 2, "damaged"),
    ],
)
def test_what_does_not_fit_is_not_sent(
    slots: Slots,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fields: dict[str, str],
    words: list[str],
    exit_code: int,
    what: str,
) -> None:
    path = tmp_path / "wrong.carport"
    path.write_bytes(make_package(**fields))  # type: ignore[arg-type]
    assert run(["update", "--package", str(path), *words]) == exit_code
    assert what in capsys.readouterr().err
    assert slots.puts == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", NO_PACKAGE),
        (b"CPKG", NO_PACKAGE),
        (bytes(512), NO_PACKAGE),
        (b"CPKG" + bytes(508), f"a package of format 0, not 1: {NAME_ONE}"),
        (
            make_package()[:-1],
            "the package is damaged: build it again with `carport update --build`",
        ),
    ],
)
def test_what_is_no_package_is_not_sent(
    slots: Slots, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, what: str
) -> None:
    path = tmp_path / "wrong.carport"
    path.write_bytes(content)
    assert run(["update", "--package", str(path)]) == 2
    assert capsys.readouterr().err == f"carport: {what}\n"
    assert slots.puts == []


def interrupt_at(slots: Slots, ctrl_c: CtrlC, request: str, puts: int = 0) -> None:
    """Press Ctrl-C at a request."""

    def trouble(now: str) -> None:
        if now == request and len(slots.puts) >= puts:
            slots.trouble = lambda request: None
            ctrl_c()

    slots.trouble = trouble


@pytest.mark.parametrize(
    ("request_name", "puts", "what"),
    [
        ("GET", 0, "runs what it ran before; run this again to go on"),
        ("PUT", 3, "car runs what it ran before, and keeps what it has of the update"),
        ("restarted", 0, "has the update on trial, and goes back to 0.1.0 by itself unless"),
    ],
)
def test_ctrl_c_says_where_that_leaves_the_board(
    ctrl_c: CtrlC,
    slots: Slots,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    request_name: str,
    puts: int,
    what: str,
) -> None:
    interrupt_at(slots, ctrl_c, request_name, puts)
    assert run(["update", "--package", str(file)]) == 130
    assert what in capsys.readouterr().err
    assert run(["update", "--package", str(file)]) == 0
    assert (slots.version, slots.is_trial) == ("0.2.0", False)
    assert len(slots.puts) <= len(set(slots.puts)) + 1


def test_a_package_for_a_board_elsewhere_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t-2can.carport"
    words = ["update", "--build", str(path), "--board", "t-2can", "--car", "leaf-2016"]
    assert run(words) == 0
    first = path.read_bytes()
    assert f"Wrote {path}" in capsys.readouterr().out
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["board"], told["car"], told["bytes"]) == ("t-2can", "leaf-2016", len(first))
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    "words",
    [
        ["--build", "x"],
        ["--board", "t-2can"],
        ["--build", "x", "--board", "t-2can"],
        ["--build", "x", "--board", "nothing", "--car", "leaf-2016"],
        ["--build", "x", "--board", "t-2can", "--car", "nothing"],
        ["--build", "/nowhere/x", "--board", "t-2can", "--car", "leaf-2016"],
        ["--build", "x", "--board", "t-2can", "--car", "leaf-2016", "--force"],
        ["--package", "nothing", "--car", "leaf-2016"],
        ["--package", "nothing"],
    ],
)
def test_wrong_usage_is_said_to_be(slots: Slots, desk: Path, words: list[str]) -> None:
    assert run(["update", *words]) == 2
    assert list(desk.iterdir()) == []


def test_in_a_terminal_it_asks_and_shows_a_bar(
    slots: Slots,
    file: Path,
    terminal: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    terminal += ["n", "y"]
    assert run(["update", "--package", str(file)]) == 2
    assert slots.puts == []
    assert "nothing was changed" in capsys.readouterr().err
    assert run(["update", "--package", str(file)]) == 0
    shown = capsys.readouterr().err
    assert "car runs 0.1.0: bring it 0.2.0?" in shown
    assert "Sending to car" in shown


def test_with_yes_nobody_is_asked(
    slots: Slots, file: Path, terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert run(["update", "--package", str(file), "--yes"]) == 0
