"""`carport provision` against the real core: what it sets, what it asks, what it never tells."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carport.cli.main import run
from carport.cli.options import Options
from carport.client.contexts import ContextPool
from carport.client.known_gateways import find_gateway, known_gateways
from carport.client.pairing import pair
from carport.client.settings import Power, new_password, wifi_uri
from carport.data.holdings import is_holding, open_holdings
from carport.errors import RefusedError
from firmware.power import INTERVAL_S, LOW_MV
from gateway.vault.settings import Settings
from tests.core_gateway import CoreGateway
from tests.unit.conftest import CtrlC

PASSWORD = "hunter2hunter2"


@pytest.fixture
def empty_board(home: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CoreGateway]:
    """A board that nobody has paired with, and that is quick to start."""
    monkeypatch.setattr("gateway.home._SOON_MS", 100)
    monkeypatch.setattr("carport.client.settings._POLL_S", 0.05)
    with CoreGateway(restarts=True) as board:
        yield board


@pytest.fixture
def board(empty_board: CoreGateway) -> CoreGateway:
    """A board whose owner calls it test, as it does itself."""
    asyncio.run(pair(empty_board.port, "test", is_replacing=False, timeout_s=60))
    return empty_board


@pytest.fixture
def password_file(desk: Path) -> str:
    """A file with a password in its first line."""
    (desk / "password").write_text(f"{PASSWORD}\nand more\n")
    return "password"


def provision(board: CoreGateway, *words: str, exit_code: int = 0) -> None:
    assert run(["provision", "--port", board.port, *words]) == exit_code


def settings(board: CoreGateway) -> Settings:
    with board.paused() as shell:
        return shell.gateway.settings


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_options_change_what_they_name_and_the_board_starts_with_it(
    board: CoreGateway, password_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wifi = ("--wifi", "home", "--wifi-password-file", password_file)
    power = ("--power", "stored", "--interval", "30m", "--low-voltage", "11.9")
    provision(board, "--region", "de", *wifi, *power, "--json")

    assert told(capsys) == {
        "gateway": "test",
        "changed": ["power", "region", "wifi"],
        "name": "test",
        "car": "reference",
        "region": "DE",
        "home": "DE",
        "wifi": {"ssid": "home", "state": "connected", "rssi": -61},
        "access_point": None,
        "power": {"mode": "stored", "interval_s": 1800, "low_mv": 11900},
    }
    assert board.starts == 2
    assert settings(board).wifi == {"ssid": "home", "password": PASSWORD}

    provision(board, "--no-wifi", "--interval", "1h")
    assert settings(board).wifi is None
    assert settings(board).power == {"mode": "stored", "interval_s": 3600, "low_mv": 11900}
    assert settings(board).region == "DE"


def test_the_same_again_changes_nothing(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--region", "DE", "--power", "reachable", "--no-wifi", "--no-access-point", "--json")
    provision(board, *words)
    capsys.readouterr()
    starts = board.starts

    provision(board, *words)

    assert told(capsys)["changed"] == []
    assert board.starts == starts


def test_show_changes_nothing(board: CoreGateway, capsys: pytest.CaptureFixture[str]) -> None:
    provision(board, "--show")

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "gateway test",
        "car reference",
        "region not said",
        "Wi-Fi none",
        "access point none",
    ]
    assert board.starts == 1
    provision(board, "--show", "--region", "DE", exit_code=2)


# ---- secrets ----


def test_a_password_goes_to_the_board_and_nowhere_else(
    board: CoreGateway,
    password_file: str,
    tmp_path: Path,
    desk: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    wifi = ("--wifi", "home", "--wifi-password-file", password_file, "-v")
    provision(board, *wifi)
    provision(board, *wifi, "--json")
    provision(board, "--show")

    said = capfd.readouterr()
    assert "hunter2" not in said.out + said.err
    (desk / password_file).unlink()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()
    with board.paused() as shell:
        assert "hunter2" not in "".join(shell.logs)


def test_the_access_points_password_is_shown_once(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    provision(board, "--access-point", "--json")
    first = told(capsys)["access_point"]
    assert settings(board).ap == {"password": first["password"]}
    assert first["ssid"] == "test"

    provision(board, "--show", "--json")
    assert told(capsys)["access_point"] == {"ssid": "test"}

    provision(board, "--access-point")
    ap = settings(board).ap
    assert ap is not None
    assert ap["password"] != first["password"]
    assert f"The network test has the password {ap['password']}\n" in capsys.readouterr().out

    provision(board, "--no-access-point")
    assert settings(board).ap is None


def test_passwords_are_long_and_each_is_another() -> None:
    passwords = {new_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        assert [len(group) for group in password.split("-")] == [4, 4, 4, 4]
        assert not set(password) & set("ilo01")


def test_a_qr_code_escapes_what_its_format_uses() -> None:
    assert wifi_uri('a;b:"c"', "d\\e,f-g") == 'WIFI:T:WPA;S:a\\;b\\:\\"c\\";P:d\\\\e\\,f-g;;'


# ---- a network that is not joined ----


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("wrong password", "run `carport provision --wifi home` and type its password again"),
        ("no such network", "check its name"),
    ],
)
def test_what_keeps_the_board_off_its_network_is_said_with_its_cure(
    board: CoreGateway,
    password_file: str,
    state: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    board.wifi_state = state
    wifi = ("--wifi", "home", "--wifi-password-file", password_file)

    provision(board, *wifi, "--access-point", exit_code=6)
    said = capsys.readouterr()
    assert f"the settings are stored, but home is not joined ({state}): {remedy}" in said.err
    assert "has the password" in said.out

    provision(board, *wifi, "--json", exit_code=6)
    fields = told(capsys)
    assert (fields["wifi"]["state"], fields["exit_code"]) == (state, 6)
    assert remedy in fields["error"]


# ---- the form ----


def test_enter_keeps_everything(
    board: CoreGateway, terminal: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal += [""] * 6
    provision(board, "--json")

    assert terminal == []
    assert told(capsys)["changed"] == []
    assert board.starts == 1


def test_the_form_asks_for_everything_and_again_what_is_wrong(
    board: CoreGateway, terminal: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal += ["no name", "leaf", "Germany", "DE", "home", "short", PASSWORD, PASSWORD + "x"]
    terminal += [PASSWORD, PASSWORD, "y", "off", "stored", "2h", "many", "12"]
    provision(board)

    assert terminal == []
    now = settings(board)
    assert (now.name, now.region) == ("leaf", "DE")
    assert now.wifi == {"ssid": "home", "password": PASSWORD}
    assert now.power == {"mode": "stored", "interval_s": 7200, "low_mv": 12_000}
    said = capsys.readouterr()
    assert now.ap is not None
    assert now.ap["password"] in said.out
    assert "hunter2" not in said.out + said.err
    assert find_gateway(None).name == "leaf"

    terminal += ["", "", "", "", "", "", "", "", ""]
    provision(board)
    assert settings(board).wifi == {"ssid": "home", "password": PASSWORD}
    assert settings(board).ap == now.ap


def test_where_nobody_can_answer_it_says_what_to_add(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    provision(board, exit_code=2)
    assert "add --file or --show" in capsys.readouterr().err
    provision(board, "--wifi", "home", exit_code=2)
    assert "add --wifi-password-file" in capsys.readouterr().err


def test_a_board_that_nobody_has_paired_is_paired_first(
    empty_board: CoreGateway, terminal: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal += ["n"]
    provision(empty_board, "--region", "DE", exit_code=2)
    assert "run `carport pair`" in capsys.readouterr().err
    terminal += ["y"]
    provision(empty_board, "--region", "DE", "--name", "leaf")
    assert find_gateway(None).name == settings(empty_board).name == "leaf"
    assert settings(empty_board).region == "DE"


# ---- names ----


def test_a_new_name_is_known_here_too_with_the_data(board: CoreGateway) -> None:
    with open_holdings("test"):
        pass
    provision(board, "--name", "leaf")

    (known,) = known_gateways()
    assert known.name == settings(board).name == "leaf"
    assert (is_holding("test"), is_holding("leaf")) == (False, True)
    assert run(["status", "--port", board.port]) == 0


def test_a_name_that_is_taken_here_changes_nothing(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_holdings("sold"):
        pass
    for name in ("sold", "no/name", ".hidden"):
        provision(board, "--name", name, exit_code=2)
    assert settings(board).name == "test"
    assert find_gateway(None).name == "test"


def test_while_another_program_talks_to_it_only_the_board_is_renamed(
    board: CoreGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    provision(board, "--show")
    pool = ContextPool(find_gateway(None).folder / "contexts")
    other = pool.claim()
    assert other is not None
    provision(board, "--name", "leaf", exit_code=2)
    assert "another program talks to test: end it" in capsys.readouterr().err
    assert settings(board).name == "leaf"

    other.release()
    provision(board, "--name", "leaf")
    assert find_gateway(None).name == "leaf"


def test_a_name_of_its_own_here_is_kept(empty_board: CoreGateway) -> None:
    asyncio.run(pair(empty_board.port, "mine", is_replacing=False, timeout_s=60))
    provision(empty_board, "--region", "DE")
    assert find_gateway(None).name == "mine"
    assert settings(empty_board).name == "test"


# ---- another car ----


def test_another_car_is_an_update_once_all_else_is_set(
    board: CoreGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    updates: list[tuple[str | None, str]] = []

    def bring(options: Options, file: None, car: str, *more: bool) -> None:
        assert settings(board).region == "DE"
        updates.append((options.gateway, car))

    monkeypatch.setattr("carport.cli.update.bring", bring)
    provision(board, "--car", "reference", "--region", "FR")
    assert updates == []
    provision(board, "--car", "leaf-2016", "--region", "DE", "--name", "leaf", "--json")
    assert updates == [("leaf", "leaf-2016")]
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["car"], said["changed"]) == ("leaf-2016", ["name", "region", "car"])
    provision(board, "--car", "leaf-1999", exit_code=2)


def test_what_the_update_says_is_said_with_all_that_is_set(
    board: CoreGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bring(*given: object) -> None:
        raise RefusedError("another upload is going on: wait two minutes")

    monkeypatch.setattr("carport.cli.update.bring", bring)
    provision(board, "--car", "leaf-2016", "--access-point", "--json", exit_code=3)
    fields = told(capsys)
    assert (fields["exit_code"], fields["car"]) == (3, "reference")
    ap = settings(board).ap
    assert ap is not None
    assert fields["access_point"]["password"] == ap["password"]


# ---- the network ----


def test_wifi_is_changed_over_the_cable_unless_the_network_is_asked_for(
    board: CoreGateway, password_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    known = find_gateway(None)
    fields = json.loads((known.folder / "gateway.json").read_text())
    fields |= {"serial_port": None, "addresses": [board.address]}
    (known.folder / "gateway.json").write_text(json.dumps(fields))
    wifi = ["--wifi", "home", "--wifi-password-file", password_file]

    assert run(["provision", *wifi]) == 2
    assert "connect the cable, or add --via lan" in capsys.readouterr().err
    assert run(["provision", *wifi, "--via", "lan"]) == 0
    assert "if its new Wi-Fi does not work, only the cable helps" in capsys.readouterr().err
    assert settings(board).wifi == {"ssid": "home", "password": PASSWORD}
    assert run(["provision", "--region", "DE"]) == 0


def test_a_board_that_left_for_its_new_network_is_not_called_broken(
    board: CoreGateway,
    password_file: str,
    leap_on: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    wifi = ["--wifi", "home", "--wifi-password-file", password_file, "--via", "lan"]

    board.leaves = True
    board.on_lost = leap_on
    assert run(["provision", *wifi, "--access-point"]) == 5
    said = capsys.readouterr()
    assert "the settings are stored, and test does not answer here any more" in said.err
    ap = settings(board).ap
    assert ap is not None
    assert ap["password"] in said.out


# ---- files ----


def test_a_file_has_the_options_names_and_options_win(
    board: CoreGateway, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "wifi.txt").write_text(PASSWORD)
    (folder / "leaf.toml").write_text(
        'name = "leaf"\nregion = "FR"\nwifi = "home"\nwifi-password-file = "wifi.txt"\n'
        'access-point = true\npower = "stored"\ninterval = "30m"\nlow-voltage = 12\n'
    )
    provision(board, "--file", str(folder / "leaf.toml"), "--region", "DE", "--json")

    fields = told(capsys)
    assert fields["changed"] == ["access_point", "name", "power", "region", "wifi"]
    now = settings(board)
    assert (now.name, now.region) == ("leaf", "DE")
    assert now.wifi == {"ssid": "home", "password": PASSWORD}
    assert now.power == {"mode": "stored", "interval_s": 1800, "low_mv": 12_000}
    assert now.ap == {"password": fields["access_point"]["password"]}

    (folder / "off.toml").write_text("wifi = false\naccess-point = false\n")
    provision(board, "--file", str(folder / "off.toml"))
    assert (settings(board).wifi, settings(board).ap) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "set.toml cannot be read (Invalid value"),
        ('name = "no name"', "set.toml, name: 'no name' cannot be a gateway's name"),
        ("name = 1", 'set.toml, name: 1 is of the wrong kind: write text in "quotes"'),
        ('region = "Germany"', "set.toml, region: 'Germany' is no country"),
        ("wifi = true", "set.toml, wifi: true is no network"),
        ('wifi = ""', "set.toml, wifi: '' is no network's name"),
        (
            'wifi = "home"\nwifi-password = "short"',
            "set.toml, wifi-password: a Wi-Fi password has",
        ),
        ('wifi-password = "longenough"', "set.toml, wifi-password: a password is for a network"),
        ('wifi = "home"\nwifi-password-file = "gone"', "set.toml, wifi-password-file: the passw"),
        (
            "access-point = 1",
            "set.toml, access-point: 1 is of the wrong kind: write true or false",
        ),
        ('power = "off"', "set.toml, power: 'off' is no way to save power"),
        ('interval = "2d"', "set.toml, interval: '2d' is no time to sleep"),
        ("interval = 30", "set.toml, interval: 30 is of the wrong kind"),
        ("low-voltage = 5", "set.toml, low-voltage: 5 V is out of range"),
        ('car = "leaf-1999"', "set.toml, car: there is no car leaf-1999"),
        ("low-voltage = true", "set.toml, low-voltage: True is of the wrong kind"),
        ('colour = "red"', "set.toml, colour: there is no such setting: use one of name, region"),
    ],
)
def test_a_file_that_is_wrong_names_the_key_and_changes_nothing(
    board: CoreGateway, desk: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "set.toml").write_text(f"{text}\n")
    provision(board, "--file", "set.toml", exit_code=2)
    err = capsys.readouterr().err
    assert said in err
    assert board.starts == 1


def test_only_an_owner_sets_anything(board: CoreGateway, desk: Path) -> None:
    invited = ["keys", "add", "dora", "--role", "driver", "--file", "dora.carport"]
    assert run([*invited, "--port", board.port]) == 0
    assert (
        run(["pair", "--invitation", "dora.carport", "--name", "hers", "--port", board.port]) == 0
    )
    assert run(["provision", "--gateway", "hers", "--region", "DE", "--port", board.port]) == 4


def test_what_is_not_said_of_power_is_as_the_firmware_has_it() -> None:
    assert Power() == Power("reachable", INTERVAL_S, LOW_MV)


def test_ctrl_c_while_the_board_starts_shows_what_is_stored(
    ctrl_c: CtrlC,
    board: CoreGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def wait(*anything: object) -> None:
        ctrl_c()
        await asyncio.sleep(10)

    monkeypatch.setattr("carport.client.settings.await_start", wait)

    provision(board, "--access-point", exit_code=130)

    out, err = capsys.readouterr()
    assert "has the password" in out  # it is shown this once
    assert "interrupted: the settings are stored, look with `carport provision --show`" in err
    assert settings(board).ap is not None
