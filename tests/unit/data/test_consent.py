"""`carport data consent` and `status`, as an owner meets them."""

import json
import re
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from carport.cli.main import carport_command
from carport.paths import data_dir
from tests.unit.data.conftest import LAST_DAY, NAME, Owner

TERMS = ("--purpose", "fuel diary", "--until", str(LAST_DAY))


def test_nothing_is_recorded_at_first(owner: Owner) -> None:
    shown = owner.run("consent")

    assert re.findall(r"(?m)^(\w+) +no ", shown) == ["charging", "climate", "driving", "location"]
    assert "no region yet" in shown
    told = owner.told("consent")
    assert (told["recording"], told["grants"], told["region"]) == ([], {}, None)


def test_consent_does_what_comes_first_and_says_so(owner: Owner) -> None:
    said = owner.run(
        "consent", "driving", *TERMS, "--every", "30s", "--keep", "90d", "--region", "de"
    )

    assert "The car is in DE" in said
    assert "This computer has the key of the records now" in said
    assert "`--via serial` rules it out" in said
    assert re.search(rf"driving +yes +each 30 s +90 days +{LAST_DAY} +fuel diary", said)
    grant = owner.told("consent")["grants"]["driving"]
    assert (grant["interval_s"], grant["keep_days"]) == (30, 90)
    assert grant["until"] == datetime.combine(LAST_DAY + timedelta(days=1), time()).timestamp()
    again = owner.run("consent", "climate", *TERMS)
    assert "key of the records" not in again


def test_over_the_cable_nobody_can_have_overheard_the_key(owner: Owner) -> None:
    said = owner.run("consent", "driving", *TERMS, "--region", "DE", "--port", owner.board.port)
    assert "This computer has the key" in said
    assert "network" not in said


def test_what_is_missing_is_asked_for_in_a_terminal(owner: Owner, terminal: list[str]) -> None:
    terminal += ["", "never", "1m", "", "", "y", "de"]

    said = owner.run("consent", "location")

    assert terminal == []
    assert "'never' is no interval" in said
    assert "Which country" in said
    grant = owner.told("consent")["grants"]["location"]
    assert (grant["purpose"], grant["interval_s"], grant["keep_days"]) == (
        "my own records",
        60,
        90,
    )
    assert grant["precision"] == {
        "Vehicle.CurrentLocation.Latitude": 0.01,
        "Vehicle.CurrentLocation.Longitude": 0.01,
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("driving", "--purpose", "x"), "add --purpose TEXT and --until DATE"),
        (("driving", *TERMS), "add --region DE"),
        (("flying", *TERMS), "there is charging, climate, driving, location"),
        (("driving", *TERMS, "--region", "Germany"), "two letters"),
        (("driving", *TERMS, "--every", "2h"), "at most an hour"),
        (("driving", *TERMS, "--keep", "1"), "30d, 12w or 1y"),
        (("driving", *TERMS, "--precision", "Speed=5"), "write Vehicle.Speed=5"),
        (("driving", *TERMS, "--precision", "Vehicle.Speed=0"), "write Vehicle.Speed=5"),
        (("driving", *TERMS, "--region", "DE", "--precision", "Vehicle.X=5"), "not in driving"),
        (("driving", "--purpose", "x", "--until", "2026-01-02", "--region", "DE"), "future"),
        (("--withdraw",), "name a group"),
        (("--transfer", "FR"), "add --until"),
        (("driving", "--transfer", "FR", "--until", str(LAST_DAY)), "leave the groups out"),
    ],
)
def test_a_mistake_is_one_sentence_that_helps(
    owner: Owner, words: tuple[str, ...], problem: str
) -> None:
    said = owner.run("consent", *words, exit_code=2)

    assert problem in said.splitlines()[-1]
    assert owner.told("consent")["grants"] == {}


def test_a_precision_is_what_is_stored(owner: Owner) -> None:
    words = ("--every", "1s", "--region", "DE", "--precision", "Vehicle.Speed=5")
    owner.run("consent", "driving", "climate", *TERMS, *words)
    assert "Vehicle.Speed in steps of 5" in owner.run("consent")
    owner.drive(70)

    owner.run("export", "--format", "json", "-o", "day.json")

    rows = json.loads(Path("day.json").read_text())
    speeds = [row["Vehicle.Speed"] for row in rows if row["group"] == "driving"]
    assert {speed % 5 for speed in speeds} == {0}
    assert len(set(speeds)) > 2


def test_withdrawing_stops_at_once_and_offers_to_erase(owner: Owner, terminal: list[str]) -> None:
    owner.consent("driving", "climate")
    owner.drive(70)

    terminal += ["n"]
    said = owner.run("consent", "--withdraw", "driving")
    assert "driving: not recorded any more" in said
    assert "`carport data erase`" in said
    assert owner.told("status")["recording"] == ["climate"]
    assert owner.told("status")["blocks"] > 0

    terminal += ["y"]
    said = owner.run("consent", "--withdraw", "climate")
    assert "Everything is erased on the board and on this computer" in said
    assert owner.told("status")["blocks"] == 0


def test_a_transfer_is_shown_until_it_is_withdrawn(owner: Owner) -> None:
    owner.consent()
    said = owner.run("consent", "--transfer", "fr", "--until", str(LAST_DAY))
    assert f"Keys of FR may have other regions' data until {LAST_DAY}" in said
    assert "Transfer" in owner.run("status")
    owner.run("consent", "--withdraw", "--transfer", "FR")
    assert owner.told("consent")["transfers"] == {}


def test_the_status_tells_how_much_and_how_long(owner: Owner) -> None:
    assert "nothing: `carport data consent GROUP` allows it" in owner.run("status")
    owner.consent()
    owner.drive(600)
    owner.run("export", "-o", "day.csv")

    told = owner.told("status")
    assert told["recording"] == ["driving"]
    assert told["since_boot"]["rows"] >= 590
    assert told["here"]["rows"] > 500
    flash = told["flash"]
    writes_a_day = flash["block_writes"] * 86400 / 600
    assert flash["erases_a_day"] == pytest.approx(writes_a_day * 1.06, rel=0.05)
    assert flash["years"] == pytest.approx(100_000 * 348 / flash["erases_a_day"] / 365.25)
    shown = " ".join(owner.run("status").split())
    assert "if each block takes 100,000 and the car drives on like that" in shown


def test_a_consent_that_ends_soon_is_named(owner: Owner) -> None:
    tomorrow = datetime.fromtimestamp(datetime.now().timestamp() + 86400).strftime("%Y-%m-%d")
    words = ("--purpose", "x", "--until", tomorrow, "--region", "DE")
    owner.run("consent", "driving", *words)
    assert "consent to driving" in owner.run("status")


def test_groups_and_formats_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, expected in (
        ("carport data consent c", ["plain,climate", "plain,charging"]),
        ("carport data export --format p", ["plain,parquet"]),
        ("carport data plot b", ["plain,battery"]),
    ):
        monkeypatch.setenv("_CARPORT_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        capsys.readouterr()
        with pytest.raises(SystemExit):
            carport_command.main([], prog_name="carport", complete_var="_CARPORT_COMPLETE")
        assert capsys.readouterr().out.split() == expected


def test_no_key_is_ever_printed(owner: Owner) -> None:
    owner.consent()
    owner.drive(70)
    commands = (
        ("consent",),
        ("status",),
        ("export", "-o", "day.csv"),
        ("live", "--count", "1"),
        ("ledger",),
        ("plot", "trip"),
    )
    printed = "".join(
        owner.run(*words, *more) for words in commands for more in ((), ("--json", "-v"))
    )
    kept = json.loads((data_dir() / NAME / "keys.json").read_text())
    secrets = [key for _, key in kept["chains"].values()]
    secrets += [kept["ledger"]["mac_key"], *kept["ledger"]["details"].values()]
    assert len(secrets) == 3
    assert not any(secret in printed for secret in secrets)
