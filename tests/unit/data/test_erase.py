"""`carport data erase`: nothing is left that opens, and what is left elsewhere is said."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from carport.client.known_gateways import KnownGateway, known_gateways
from carport.paths import data_dir
from tests.unit.data.conftest import NAME, Owner

MARK = b"Vehicle.Speed"


def files() -> bytes:
    """Return all that this computer holds of the car's data."""
    return b"".join(path.read_bytes() for path in sorted((data_dir() / NAME).iterdir()))


def exported(owner: Owner, *groups: str, seconds: int = 70) -> None:
    owner.consent(*groups)
    owner.drive(seconds)
    owner.run("export", "-o", "day.csv")


def test_all_is_gone_here_and_there(owner: Owner) -> None:
    exported(owner, "driving", "location")
    position = struct.pack(">d", 48.1371234)  # as SQLite stores it
    chains = json.loads((data_dir() / NAME / "keys.json").read_text())["chains"]
    ((_, key),) = chains.values()
    assert all(each in files() for each in (MARK, position, key.encode()))

    told = owner.told("erase", "--all", "--yes")

    assert (told["complete"], told["waiting"]) == (True, [])
    assert "snapshots" in told["remains"]
    assert not any(each in files() for each in (MARK, position, key.encode()))
    assert owner.told("status")["blocks"] == 0
    assert "nothing to export yet" in owner.run("export", exit_code=2)


def test_recording_begins_anew_when_it_is_consented_to_again(owner: Owner) -> None:
    exported(owner)
    owner.run("erase", "--all", "--yes")
    owner.drive(70)
    assert owner.told("status")["recording"] == []
    assert "no key" in owner.run("consent")
    assert "keys were erased" in owner.run("status")

    exported(owner)
    assert owner.told("status")["recording"] == ["driving"]
    assert owner.told("ledger", "--verify")["whole"] is True


def test_what_is_older_goes_and_what_is_newer_stays(owner: Owner) -> None:
    owner.consent("driving", "location")
    owner.drive(1500)
    owner.run("export", "--format", "json", "-o", "all.json")
    rows = json.loads(Path("all.json").read_text())
    middle = rows[len(rows) // 2]["time"]

    owner.run("erase", "--before", middle, "--yes")

    told = owner.told("export", "--format", "json", "-o", "rest.json")
    rest = json.loads(Path("rest.json").read_text())
    assert 0 < len(rest) < len(rows) // 2 + 400
    assert told["findings"] == []
    kept = {row["block"] for row in rest}
    assert min(kept) > 1
    assert all(row["time"] >= middle for row in rest)


def test_another_owner_is_waited_for_and_obeys_at_the_next_contact(
    owner: Owner, pair_at: Callable[[str], KnownGateway], at_computer: Callable[[str], None]
) -> None:
    exported(owner)
    pair_at("laptop")
    exported(owner)
    assert MARK in files()
    at_computer("home")

    told = owner.told("erase", "--all", "--yes")
    assert told["complete"] is False
    assert len(told["waiting"]) == 1
    assert "INCOMPLETE" in owner.run("status")
    assert "INCOMPLETE" in owner.run("erase", "--all", "--yes")

    at_computer("laptop")
    said = owner.run("status")
    assert "An owner has erased data" in said
    assert "INCOMPLETE" not in said
    assert MARK not in files()
    assert "An owner has erased data" not in owner.run("status")


def test_only_this_computer(owner: Owner) -> None:
    exported(owner)
    assert owner.told("erase", "--all", "--here", "--yes")["erased_here"] == 1
    assert MARK not in files()
    assert owner.told("status")["blocks"] == 1
    told = owner.told("export", "-o", "day.csv")
    assert told["fetched_blocks"] == 1


def test_an_owner_change_leaves_a_board_that_knows_nobody(owner: Owner) -> None:
    exported(owner)

    told = owner.told("erase", "--owner-change", "--yes")

    assert "other computers" in told["remains"]
    assert known_gateways() == []
    assert not (data_dir() / NAME).exists()
    with owner.board.paused() as shell:
        assert shell.storage == {}


def test_what_the_ledger_says_can_be_erased_and_it_still_verifies(owner: Owner) -> None:
    owner.consent()
    assert "for test" in owner.run("ledger")
    owner.run("erase", "--ledger", "--yes")
    shown = owner.run("ledger")
    assert "for test" not in shown
    assert "entries stay closed" in shown
    assert "The ledger is whole" in shown


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--yes",), "give one of --all, --before"),
        (("--all", "--before", "7d", "--yes"), "give one of --all, --before"),
        (("--all",), "add --yes"),
        (("--ledger", "--here", "--yes"), "add --all or --before"),
        (("--before", "2099-01-01", "--yes"), "a time that has passed"),
    ],
)
def test_a_mistake_erases_nothing(owner: Owner, words: tuple[str, ...], problem: str) -> None:
    exported(owner)
    assert problem in owner.run("erase", *words, exit_code=2)
    assert owner.told("status")["blocks"] == 1
    assert MARK in files()


def test_in_a_terminal_it_asks(owner: Owner, terminal: list[str]) -> None:
    exported(owner)
    terminal += ["n"]
    assert "nothing was erased" in owner.run("erase", "--all", exit_code=2)
    terminal += ["y"]
    assert "is erased on the board and on this computer" in owner.run("erase", "--all")
