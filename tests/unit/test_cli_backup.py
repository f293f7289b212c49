"""`carport keys backup` and `carport keys restore`: a lost laptop is not a lost car."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from carport.cli.main import run
from carport.client.known_gateways import find_gateway, known_gateways
from tests.fake_gateway import FakeGateway
from tests.unit.conftest import Elsewhere

pytestmark = pytest.mark.usefixtures("paired", "desk")

PASSPHRASE = "correct horse battery"


@pytest.fixture
def passphrase(desk: Path) -> str:
    path = desk / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return str(path)


@pytest.fixture
def backup(passphrase: str) -> Path:
    """A backup of the owner's."""
    assert run(["keys", "backup", "test.backup", "--passphrase-file", passphrase]) == 0
    return Path("test.backup").absolute()


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return fields


def test_a_lost_laptop_is_not_a_lost_car(
    backup: Path, passphrase: str, on: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    on("new")
    words = ["keys", "restore", str(backup), "--passphrase-file", passphrase, "--revoke-others"]
    assert run([*words, "--json"]) == 0

    fields = told(capsys)
    assert (fields["gateway"], fields["others_revoked"]) == ("test", True)
    assert find_gateway(None).role == "owner"
    assert run(["lock"]) == 0
    on("home")
    assert run(["lock"]) == 4


def test_every_context_that_is_left_here_works(
    backup: Path, passphrase: str, on: Elsewhere, fake_gateway: FakeGateway
) -> None:
    on("new")
    words = ["keys", "restore", str(backup), "--passphrase-file", passphrase, "--revoke-others"]
    assert run(words) == 0

    ours = [folder.name for folder in find_gateway(None).contexts.folder.glob("[!.]*/")]
    assert sorted(ours) == sorted(kid.hex() for kid in fake_gateway.keys.contexts)


def test_the_others_may_be_kept(backup: Path, passphrase: str, on: Elsewhere) -> None:
    on("new")
    words = ["keys", "restore", str(backup), "--passphrase-file", passphrase, "--keep-others"]
    assert run(words) == 0
    assert run(["lock"]) == 0
    on("home")
    assert run(["lock"]) == 0


@pytest.mark.parametrize(("answer", "exit_code"), [("", 4), ("y", 4), ("n", 0)])
def test_on_a_terminal_the_question_is_asked(
    answer: str, exit_code: int, backup: Path, terminal: list[str], on: Elsewhere
) -> None:
    terminal += [PASSPHRASE, answer]
    on("new")

    assert run(["keys", "restore", str(backup)]) == 0
    assert run(["lock"]) == 0
    on("home")
    assert run(["lock"]) == exit_code


def test_without_a_terminal_the_answer_is_needed_first(
    backup: Path, passphrase: str, on: Elsewhere, fake_gateway: FakeGateway
) -> None:
    on("new")

    assert run(["keys", "restore", str(backup), "--passphrase-file", passphrase]) == 2
    assert fake_gateway.keys.id_contexts == []


def test_a_backup_serves_again(backup: Path, passphrase: str, on: Elsewhere) -> None:
    for computer in ("new", "newer"):
        on(computer)
        words = ["keys", "restore", str(backup), "--passphrase-file", passphrase]
        assert run([*words, "--revoke-others"]) == 0
    assert run(["lock"]) == 0


def test_a_wrong_passphrase_is_one_sentence(
    backup: Path, desk: Path, on: Elsewhere, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "wrong").write_text("incorrect horse battery")
    on("new")
    words = ["keys", "restore", str(backup), "--passphrase-file", "wrong", "--keep-others"]
    capsys.readouterr()

    assert run(words) == 4
    assert capsys.readouterr().err == (
        "carport: this passphrase does not open the backup: try again, or take another backup\n"
    )
    assert known_gateways() == []


def test_the_passphrase_is_typed_twice(terminal: list[str], on: Elsewhere) -> None:
    terminal += [PASSPHRASE, "correct hrose battery", PASSPHRASE, PASSPHRASE]

    assert run(["keys", "backup", "test.backup"]) == 0
    assert terminal == []


@pytest.mark.parametrize("weak", ["short", "elevenchars", "aaaaaaaaaaaaaaaaaaaa", "abababababab"])
def test_a_weak_passphrase_is_refused_with_a_reason(
    weak: str, desk: Path, fake_gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "weak").write_text(weak)

    assert run(["keys", "backup", "test.backup", "--passphrase-file", "weak"]) == 2
    assert "too weak, it has fewer than" in capsys.readouterr().err
    assert not Path("test.backup").exists()
    assert fake_gateway.keys.dormant == {}


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xff"])
def test_a_passphrase_file_holds_one(content: bytes, desk: Path) -> None:
    (desk / "bad").write_bytes(content)

    assert run(["keys", "backup", "test.backup", "--passphrase-file", "bad"]) == 2


def test_without_a_terminal_there_is_no_passphrase() -> None:
    assert run(["keys", "backup", "test.backup"]) == 2
    assert not Path("test.backup").exists()


def test_the_file_is_its_owners_and_not_overwritten(backup: Path, passphrase: str) -> None:
    before = backup.read_text()

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert run(["keys", "backup", str(backup), "--passphrase-file", passphrase]) == 2
    assert backup.read_text() == before


def test_only_an_owner_makes_a_backup(passphrase: str, on: Elsewhere) -> None:
    assert run(["keys", "add", "anna", "--role", "driver", "--file", "anna.carport"]) == 0
    on("phone")
    assert run(["pair", "--invitation", "anna.carport"]) == 0

    assert run(["keys", "backup", "anna.backup", "--passphrase-file", passphrase]) == 4
    assert not Path("anna.backup").exists()


def test_a_revoked_backup_is_worth_nothing(
    backup: Path, passphrase: str, on: Elsewhere, fake_gateway: FakeGateway
) -> None:
    (owner,) = fake_gateway.keys.people
    assert run(["keys", "revoke", owner, "--backups", "--yes"]) == 0
    assert run(["lock"]) == 0
    on("new")

    words = ["keys", "restore", str(backup), "--passphrase-file", passphrase, "--keep-others"]
    assert run(words) == 4


def test_what_is_known_here_is_replaced_only_when_asked(backup: Path, passphrase: str) -> None:
    words = ["keys", "restore", str(backup), "--passphrase-file", passphrase, "--revoke-others"]
    assert run(words) == 2
    assert run([*words, "--replace"]) == 0
    assert run(["lock"]) == 0
