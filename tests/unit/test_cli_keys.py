"""`carport keys list|add|revoke` and `carport pair --invitation`."""

import io
import json
import stat
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import segno

from carport.cli.main import carport_command, run
from carport.cli.qr import print_qr
from carport.client.invitation import invitation_text, read_invitation
from carport.client.known_gateways import KnownGateway, find_gateway, known_gateways
from tests.fake_gateway import FakeGateway
from tests.unit.conftest import LONG_S, Elsewhere

pytestmark = pytest.mark.usefixtures("paired", "desk")

DAY_S = 86400


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return fields


def invite(name: str, *words: str) -> Path:
    path = Path(f"{name}.carport").absolute()
    assert run(["keys", "add", name, *words, "--file", str(path)]) == 0
    return path


def test_the_list_tells_who_may_do_what(capsys: pytest.CaptureFixture[str]) -> None:
    invite("anna", "--role", "guest", "--uses", "5", "--scope", "lock", "--scope", "climate:read")
    capsys.readouterr()

    assert run(["keys", "list"]) == 0

    heading, owner, anna = (" ".join(line.split()) for line in _lines(capsys))
    assert heading == "NAME ROLE MAY LIMITS HOLDS LAST USED"
    assert "(you) owner everything - " in owner
    assert owner.endswith("just now")
    assert anna == "anna guest lock, climate (look only) 5 uses left 1 invitation never"


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    invite("anna", "--role", "driver", "--until", "2099-01-01T00:00Z", "--region", "fr")
    capsys.readouterr()

    assert run(["keys", "list", "--json"]) == 0

    owner, anna = told(capsys)["keys"]
    assert (owner["role"], owner["you"], owner["scopes"]) == ("owner", True, None)
    assert anna == {
        "name": "anna",
        "role": "driver",
        "scopes": None,
        "not_before": None,
        "not_after": 4070908800,
        "uses": None,
        "region": "FR",
        "contexts": 0,
        "invitations": 1,
        "backups": 0,
        "last_used": None,
        "you": False,
    }


def test_an_invitation_is_used_once(
    on: Elsewhere, capsys: pytest.CaptureFixture[str], fake_gateway: FakeGateway
) -> None:
    path = invite("anna", "--role", "driver")
    on("phone")

    assert run(["pair", "--invitation", str(path)]) == 0
    assert "you are anna, its driver.\n  You may: look and command" in capsys.readouterr().out
    assert run(["lock"]) == 0
    assert find_gateway(None).name == "test"

    on("thief")
    capsys.readouterr()
    assert run(["pair", "--invitation", str(path)]) == 4
    assert capsys.readouterr().err == (
        "carport: this invitation was used already, or withdrawn: ask the owner for a new one\n"
    )
    assert known_gateways() == []


def test_each_use_has_an_id_context_of_its_own(
    on: Elsewhere, fake_gateway: FakeGateway, terminal: list[str]
) -> None:
    terminal += ["correct horse battery"] * 5
    assert run(["keys", "backup", "test.backup"]) == 0
    for computer in ("one", "two", "three"):
        on(computer)
        assert run(["keys", "restore", "test.backup", "--keep-others"]) == 0

    assert [len(each) for each in fake_gateway.keys.id_contexts] == [8, 8, 8]
    assert len(set(fake_gateway.keys.id_contexts)) == 3


def test_an_invitation_as_text_comes_by_stdin(
    on: Elsewhere, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = invite("anna", "--role", "viewer").read_text().splitlines()[-1]
    on("phone")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"  {text[:40].lower()}\n{text[40:]}\n"))
    capsys.readouterr()

    assert run(["pair", "--invitation", "-", "--name", "leaf", "--json"]) == 0

    fields = told(capsys)
    assert (fields["gateway"], fields["name"], fields["role"]) == ("leaf", "anna", "viewer")


def test_a_pasted_invitation_is_hidden(on: Elsewhere, terminal: list[str]) -> None:
    terminal.append(invite("anna", "--role", "viewer").read_text().splitlines()[-1])
    on("phone")

    assert run(["pair", "--invitation", "-"]) == 0
    assert terminal == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "carport pair",
        lambda text: text[:-9],
        lambda text: text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:],
        lambda text: text.replace("CARPORT1:", "CARPORT1:AAAA"),
    ],
)
def test_what_is_no_invitation_is_said_to_be_none(
    spoil: Callable[[str], str], on: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    path = invite("anna", "--role", "viewer")
    path.write_text(spoil(path.read_text().strip()))
    on("phone")
    capsys.readouterr()

    assert run(["pair", "--invitation", str(path)]) == 2
    assert "copy" in capsys.readouterr().err


def test_an_invitation_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pair", "--invitation", "nowhere.carport"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_the_file_is_its_owners_and_not_overwritten(fake_gateway: FakeGateway) -> None:
    path = invite("anna", "--role", "viewer")
    before = path.read_text()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(["keys", "add", "paul", "--role", "viewer", "--file", str(path)]) == 2
    assert path.read_text() == before
    assert "paul" not in fake_gateway.keys.people


def test_a_key_that_is_not_made_leaves_no_file(fake_gateway: FakeGateway) -> None:
    invite("anna", "--role", "viewer")

    assert run(["keys", "add", "anna", "--role", "driver", "--file", "again.carport"]) == 2
    assert not Path("again.carport").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--role", "guest"],
        ["--role", "guest", "--from", "2099-01-01"],
        ["--role", "guest", "--until", "2020-01-01"],
        ["--role", "guest", "--from", "2099-01-01", "--until", "2098-01-01"],
        ["--role", "guest", "--until", "tomorrow"],
        ["--role", "guest", "--until", "9999-12-31"],
        ["--role", "guest", "--for", "3"],
        ["--role", "guest", "--for", "9999999w"],
        ["--role", "guest", "--for", "3d", "--until", "2099-01-01"],
        ["--role", "guest", "--uses", "0"],
        ["--role", "service"],
        ["--role", "service", "--scope", "Climate"],
        ["--role", "owner", "--uses", "3"],
        ["--role", "driver", "--region", "FRA"],
        ["--role", "driver", "--qr"],
        ["--role", "king"],
        [],
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    words: list[str], fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "add", "anna", *words, "--file", "anna.carport"]) == 2

    assert capsys.readouterr().err.count("\n") == 1
    assert "anna" not in fake_gateway.keys.people
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", ["", "x" * 33, "an\x1b[2Jna", "an\nna"])
def test_a_name_is_short_and_printable(name: str, fake_gateway: FakeGateway) -> None:
    people = len(fake_gateway.keys.people)

    assert run(["keys", "add", name, "--role", "viewer", "--file", "x.carport"]) == 2
    assert len(fake_gateway.keys.people) == people


@pytest.mark.parametrize("words", [[], ["--qr"], ["--qr", "--json"], ["--json"]])
def test_without_a_terminal_there_is_no_qr_code(
    words: list[str], fake_gateway: FakeGateway
) -> None:
    assert run(["keys", "add", "anna", "--role", "viewer", *words]) == 2
    assert "anna" not in fake_gateway.keys.people


def test_times_are_local_and_dates_whole(fake_gateway: FakeGateway) -> None:
    invite("a", "--role", "guest", "--from", "2090-12-01T08:00", "--until", "2090-12-03")
    invite("b", "--role", "guest", "--for", "3d")
    invite("c", "--role", "guest", "--from", "2090-12-01", "--for", "90m")

    people = fake_gateway.keys.people
    assert people["a"]["not_before"] == datetime(2090, 12, 1, 8).timestamp()
    assert people["a"]["not_after"] == datetime(2090, 12, 4).timestamp()
    assert 0 <= time.time() + 3 * DAY_S - people["b"]["not_after"] < 60
    assert people["c"]["not_after"] - people["c"]["not_before"] == 5400


def test_the_qr_code_holds_the_invitation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("carport.cli.keys_add.check_terminal", lambda: None)
    monkeypatch.setattr("carport.cli.keys_add.print_qr", drawn.append)

    assert run(["keys", "add", "anna", "--role", "guest", "--for", "3d", "--scope", "lock"]) == 0

    (text,) = drawn
    output = capsys.readouterr()
    assert "carport pair --invitation -" in output.out
    assert text not in output.out + output.err
    dormant = read_invitation(text)
    assert (dormant.gateway, dormant.grant.scopes) == ("test", ("lock",))
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:")
    assert invitation_text(dormant) == text


def test_the_qr_code_is_drawn_as_segno_makes_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_qr("CARPORT1:ABCDEFGH")

    rows: list[list[int]] = []
    for line in capsys.readouterr().out.splitlines():
        modules = line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m")
        rows += [[module in "▀█" for module in modules], [module in "▄█" for module in modules]]
    wanted = [list(row) for row in segno.make_qr("CARPORT1:ABCDEFGH", error="l").matrix]
    border = 4
    size = len(wanted)
    assert [row[border:-border] for row in rows[border : border + size]] == wanted
    assert not any(map(any, rows[:border] + rows[border + size :]))
    assert not any(any(row[:border] + row[-border:]) for row in rows)


def test_revoking_ends_all_that_somebody_has(
    on: Elsewhere, capsys: pytest.CaptureFixture[str], fake_gateway: FakeGateway
) -> None:
    path = invite("anna", "--role", "driver")
    on("phone")
    assert run(["pair", "--invitation", str(path)]) == 0
    on("home")
    capsys.readouterr()

    assert run(["keys", "revoke", "anna", "--yes"]) == 0

    assert capsys.readouterr().out == "anna is revoked: 2 keys ended.\n"
    on("phone")
    assert run(["lock"]) == 4
    on("home")
    assert run(["lock"]) == 0


def test_a_withdrawn_invitation_is_worth_nothing(on: Elsewhere) -> None:
    path = invite("anna", "--role", "driver")
    assert run(["keys", "revoke", "anna", "--yes"]) == 0
    on("phone")

    assert run(["pair", "--invitation", str(path)]) == 4


def test_revoking_asks_first(
    terminal: list[str], fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    invite("anna", "--role", "driver")
    terminal += ["n", "y"]
    capsys.readouterr()

    assert run(["keys", "revoke", "anna"]) == 2
    assert "Revoke anna (driver, 1 invitation), for good?" in capsys.readouterr().err
    assert "anna" in fake_gateway.keys.people
    assert run(["keys", "revoke", "anna"]) == 0
    assert "anna" not in fake_gateway.keys.people


def test_nobody_is_asked_without_a_terminal(fake_gateway: FakeGateway) -> None:
    invite("anna", "--role", "driver")

    assert run(["keys", "revoke", "anna"]) == 2
    assert "anna" in fake_gateway.keys.people


def test_the_last_owner_cannot_be_revoked(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    (owner,) = fake_gateway.keys.people

    assert run(["keys", "revoke", owner, "--yes"]) == 3
    assert capsys.readouterr().err == (
        f"carport: {owner} is the last owner: add another first, `carport keys add NAME "
        "--role owner`, or reset the board\n"
    )


def test_revoking_nobody_says_whom_there_is(
    fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    (owner,) = fake_gateway.keys.people

    assert run(["keys", "revoke", "paul", "--yes"]) == 2
    assert f"use one of {owner}" in capsys.readouterr().err


def test_a_name_of_any_letters_is_revoked(fake_gateway: FakeGateway) -> None:
    name = "Zoë & Paul?x=1/2"
    assert run(["keys", "add", name, "--role", "viewer", "--file", "zoe.carport"]) == 0

    assert run(["keys", "revoke", name, "--yes"]) == 0
    assert name not in fake_gateway.keys.people


def test_only_an_owner_sees_and_makes_keys(
    on: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    path = invite("anna", "--role", "driver")
    on("phone")
    assert run(["pair", "--invitation", str(path)]) == 0

    for words in (
        ["list"],
        ["add", "eve", "--role", "owner", "--file", "eve.carport"],
        ["revoke", "anna", "--yes"],
    ):
        capsys.readouterr()
        assert run(["keys", *words]) == 4
        assert capsys.readouterr().err.count("\n") == 1
    assert not Path("eve.carport").exists()


def test_names_are_completed(
    paired: KnownGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    invite("anna", "--role", "viewer")
    invite("paul", "--role", "viewer")
    capsys.readouterr()
    monkeypatch.setenv("_CARPORT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "carport keys revoke a")
    monkeypatch.setenv("COMP_CWORD", "3")

    with pytest.raises(SystemExit):
        carport_command.main([], prog_name="carport", complete_var="_CARPORT_COMPLETE")
    assert capsys.readouterr().out.split() == ["plain,anna"]


def test_a_gateway_that_is_full_says_so(
    fake_gateway: FakeGateway, on: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    path = invite("anna", "--role", "viewer")
    fake_gateway.keys.limit = 0
    on("phone")
    capsys.readouterr()

    assert run(["pair", "--invitation", str(path)]) == 1
    assert "revoke unused ones" in capsys.readouterr().err
    assert known_gateways() == []


def test_an_invitation_reaches_nobody(
    on: Elsewhere, fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    path = invite("anna", "--role", "viewer")
    dormant = read_invitation(path.read_text())
    dormant.addresses[:] = ["127.0.0.1:9"]
    path.write_text(invitation_text(dormant))
    on("phone")
    capsys.readouterr()

    assert run(["pair", "--invitation", str(path), "--via", "lan", "--timeout", "1"]) == 5
    assert "join its network" in capsys.readouterr().err


def test_an_invitation_goes_over_the_cable_too(
    on: Elsewhere, paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    path = invite("anna", "--role", "driver")
    on("phone")

    assert paired.serial_port is not None
    assert run(["pair", "--invitation", str(path), "--port", paired.serial_port]) == 0
    assert list(fake_gateway.keys.contexts.values()).count("anna") >= 1


@pytest.mark.parametrize(
    "words", [["add", "eve", "--role", "viewer", "--file", "eve.carport"], ["revoke", "anna"]]
)
def test_a_change_without_an_answer_is_asked_once_and_said_to_be_unknown(
    words: list[str],
    fake_gateway: FakeGateway,
    leap_on: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    invite("anna", "--role", "viewer")
    fake_gateway.is_mute_about_keys = True

    def wait_for_less_than_the_timeout_and_then_for_more() -> None:
        leap_on()
        threading.Timer(0.3, leap_on).start()

    fake_gateway.on_muteness = wait_for_less_than_the_timeout_and_then_for_more
    capsys.readouterr()

    yes = ["--yes"] if words[0] == "revoke" else []
    done = run(["keys", *words, "--timeout", str(1.5 * LONG_S), *yes])

    assert done == 5
    assert "may have done it or not: look with `carport keys list`" in capsys.readouterr().err
    assert len(fake_gateway.key_changes) == 1
    assert not Path("eve.carport").exists()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()
